/**
 * What loaders believe of those before them, read off their writes to the state table: a batch that comes back without a
 * resume point, after a whole visibility, gets one before the first call ("may have crashed"); one whose point says
 * that it was at full speed, or had a call under way, gets one that says 2 or more. Chaos that kills loaders and never
 * sees either does not exercise what is there for killed loaders.
 */
import type { Check } from '../demo/report.ts';

/** A resume point as it was written; `batch` names it and its run. */
export type PointWritten = {
  readonly batch: string;
  readonly offset: number;
  readonly crashes: number;
  /** Class C: a mark before each call, of a first delivery as well. */
  readonly isClaim: boolean;
};

export type Suspected = {
  /** Batches whose former loader left nothing behind. */
  withoutPoint: number;
  /** Times that a point told of a crash. */
  byPoint: number;
};

type Wire = Readonly<Record<string, { readonly S?: string; readonly N?: string; readonly M?: Wire }>>;

/** The resume points in a request that has written to the state table. */
export function pointsIn(request: Readonly<Record<string, unknown>>): readonly PointWritten[] {
  const { Key = {}, UpdateExpression = '' } = request as { Key?: Wire; UpdateExpression?: string };
  const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = request as {
    ExpressionAttributeNames?: Readonly<Record<string, string>>;
    ExpressionAttributeValues?: Wire;
  };
  const shard = Key.partition?.S ?? '';
  if (!shard.startsWith('SHARD#')) return [];
  return [...UpdateExpression.matchAll(/(#\w+) = (:\w+)/g)].flatMap(([, name = '', value = '']) => {
    const ordinal = /^p(\d+)$/.exec(names[name] ?? '')?.[1];
    const point = values[value]?.M;
    if (ordinal === undefined || point === undefined) return [];
    return {
      batch: `${shard}/${Key.sort?.S}/${ordinal}`,
      offset: Number(point.offset?.N),
      crashes: Number(point.crashes?.N),
      isClaim: point.claimedTo !== undefined,
    };
  });
}

/** Counts what is heard, in the order in which it was written. */
export function countSuspicions(): { readonly suspected: Suspected; hear(point: PointWritten): void } {
  const suspected: Suspected = { withoutPoint: 0, byPoint: 0 };
  const known = new Set<string>();
  const told = new Set<string>();
  return {
    suspected,
    hear({ batch, offset, crashes, isClaim }) {
      const isFirst = !known.has(batch);
      known.add(batch);
      if (isFirst && offset === 0 && crashes === 1 && !isClaim) suspected.withoutPoint += 1;
      // One request or one row at a time, each after a write of its own: one crash, told once.
      if (crashes < 2 || told.has(`${batch} ${crashes}`)) return;
      told.add(`${batch} ${crashes}`);
      suspected.byPoint += 1;
    },
  };
}

/** So many killed loaders have surely had some batch with a point and some without. */
const MANY = 10;

/** A loader that dies in a call has settled nothing: whoever gets its batch must suspect that it died. */
export function unsuspected(killedInCall: number, { withoutPoint, byPoint }: Suspected): readonly Check[] {
  if (killedInCall === 0) return [];
  const ok = killedInCall < MANY ? withoutPoint + byPoint > 0 : withoutPoint > 0 && byPoint > 0;
  const name = 'loaders killed in a call are suspected of it by those after them';
  const detail = `${withoutPoint} without a resume point, ${byPoint} by one, ${killedInCall} killed in a call`;
  return [{ name, ok, detail }];
}
