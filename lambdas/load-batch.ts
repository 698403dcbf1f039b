/** Entry point; its use case is not wired yet. */
export const handler = async (): Promise<never> => {
  throw new Error('not wired yet');
};
