/**
 * Seeds that once found a defect, played in `npm test` for ever. A history moves when the simulator draws differently or
 * the engine makes other calls, and then its seed replays something else: so each defect has a small test of its own as
 * well, or a mutation, and a seed that fails no more without its repair is taken out.
 */
export type Regression = { readonly seed: number; readonly found: string };

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 20,
    found: 'class C: a job whose submit was not answered was submitted again',
  },
  {
    seed: 381,
    found:
      'class C: a batch that was given back left nothing, and a delivery that had looked before took it for its own',
  },
  {
    seed: 679,
    found:
      'a key that an abandoned run had sent and the next run found invalid could not be removed: its name was gone',
  },
];
