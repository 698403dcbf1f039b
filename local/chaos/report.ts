/** What a chaos run came to, for people. */
import pc from 'picocolors';
import type { ChaosReport } from './chaos.ts';

export function reportText(report: ChaosReport): string {
  const { seed, struck, suspected, faults, requests, edits, runs, checks, events, ok, seconds } = report;
  const { environments, inCall, services, everything } = struck.kills;
  const broken = Object.entries(faults).map(([name, count]) => `${count} ${name}`);
  return [
    '',
    pc.bold(`Seed ${seed}`),
    `killed   ${environments} environments (${inCall} in a call), ${services} times the services, ${everything} times everything`,
    `paused   ${struck.pauses.environments} environments, ${struck.pauses.services} times the services`,
    `orphans  ${struck.orphans} environments lived on for a while when their services had died`,
    `suspect  ${suspected.withoutPoint} crashes without a resume point, ${suspected.byPoint} by one`,
    `broken   of ${requests} requests ${broken.join(', ')}`,
    `model    ${edits} edits`,
    `runs     ${Object.entries(runs)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}`,
    '',
    ...checks.map(
      (one) =>
        `${one.ok ? pc.green('✓') : pc.red('✗')} ${one.name}${one.detail === '' ? '' : pc.dim(`  ${one.detail}`)}`,
    ),
    ...(ok ? [] : ['', pc.bold('The last things that happened'), ...events]),
    '',
    verdict(report, seconds),
  ].join('\n');
}

function verdict({ ok, seed }: ChaosReport, seconds: number): string {
  const time = `${seconds.toFixed(0)} s`;
  return ok
    ? pc.green(pc.bold(`Nothing was lost, in ${time}.`))
    : pc.red(
        pc.bold(`Something does not hold (${time}). The same plan again: npm run chaos -- --seed ${seed}`),
      );
}
