/**
 * Seeded randomness (xoshiro128**, seeded by splitmix32) and ids made from it: the same seed, the same history.
 */
import type { Ids } from '../../shared/ports.ts';

export type Random = {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  shuffled<T>(from: readonly T[]): T[];
  /** An independent stream, so that drawing more here changes nothing there. */
  fork(): Random;
};

export function seededRandom(seed: number): Random {
  let s = seed >>> 0;
  const word = (): number => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [word(), word(), word(), word()];
  const bits = (): number => {
    const out = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotated(d, 11);
    return out;
  };
  const random: Random = {
    next: () => bits() / 4294967296,
    below: (n) => Math.floor((bits() / 4294967296) * n),
    chance: (probability) => bits() / 4294967296 < probability,
    pick: (from) => from[random.below(from.length)] as (typeof from)[number],
    shuffled: (from) => {
      const out = [...from];
      for (let i = out.length - 1; i > 0; i -= 1) {
        const j = random.below(i + 1);
        [out[i], out[j]] = [out[j] as (typeof out)[number], out[i] as (typeof out)[number]];
      }
      return out;
    },
    fork: () => seededRandom(bits()),
  };
  return random;
}

const rotated = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

export function seededIds(random: Random): Ids {
  let made = 0;
  return {
    next: () => {
      made += 1;
      return `${Math.floor(random.next() * 2 ** 40).toString(36)}x${made.toString(36)}`;
    },
    random: () => random.next(),
  };
}
