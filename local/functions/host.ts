/** The seam between an execution environment and what it runs on: a thread or a process. */
import type { Writable } from 'node:stream';
import type { Answer, Bootstrap, Invocation } from './handler.ts';

export type EnvironmentKind = 'threads' | 'processes';

export type EnvironmentSettings = {
  readonly kind: EnvironmentKind;
  readonly bootstrap: Bootstrap;
  readonly variables: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly log: Writable;
};

export type StartHost = (settings: EnvironmentSettings, told: HostListener) => Host;
export type Host = {
  readonly pid: number | undefined;
  post(invocation: Invocation): void;
  /** At once; nothing is told afterwards that matters. */
  end(): void;
};
export type HostListener = { answer(answer: Answer): void; ended(reason: string): void };
