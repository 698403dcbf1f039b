/**
 * Seeds that once found a defect. They are played in `npm test` for ever; histories move when the simulator changes,
 * so where it was possible the defect has a test of its own beside it.
 */
export type Regression = { readonly seed: number; readonly found: string };

export const REGRESSIONS: readonly Regression[] = [
  { seed: 187, found: 'a class C job whose submit was not answered was submitted a second time' },
  { seed: 442, found: 'a row that could not wait was recorded as never applied, and outlived its model row' },
  { seed: 1439, found: 'a definition written again while its model was half loaded (of the simulator)' },
  {
    seed: 21906,
    found: 'class C: a delivery that had looked before another owned the batch went on after it',
  },
  { seed: 22346, found: 'the same with a job: rows that had their outcome were submitted again' },
  { seed: 2018, found: 'the write of a resume point lies between a slot and its call' },
];
