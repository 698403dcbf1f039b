/** A client of the AWS SDK that answers from a script and keeps what it was asked. */
export type Scripted<Client> = {
  readonly client: Client;
  readonly sent: readonly { readonly name: string; readonly input: Readonly<Record<string, unknown>> }[];
};

/** `answer` gets the command's name; an Error that it returns is thrown. */
export function scripted<Client>(answer: (name: string) => unknown): Scripted<Client> {
  const sent: { name: string; input: Record<string, unknown> }[] = [];
  const send = async (command: { input: Record<string, unknown> }): Promise<unknown> => {
    const name = command.constructor.name.replace(/Command$/, '');
    sent.push({ name, input: command.input });
    const result = answer(name);
    if (result instanceof Error) throw result;
    return result ?? {};
  };
  return { client: { send } as Client, sent };
}

export const awsError = (name: string, more: object = {}): Error =>
  Object.assign(new Error('a message that may hold a value: hunter2'), { name, ...more });
