/**
 * What broke on the wire, as a Fault. Transient, with one exception: a certificate that does not verify needs a
 * person. Messages name the host and a code, never the path, a header or a body.
 */
import { Fault } from '../core/fault.ts';

/** Takes anything that a socket or undici threw and the host and port; gives a Fault, its own ones unchanged. */
export function transportFault(error: unknown, host: string): Fault {
  const fault = faultWithin(error);
  if (fault !== undefined) return fault;
  const code = codeOf(error);
  if (isCertificateCode(code)) {
    return new Fault(
      'config',
      'certificate_refused',
      `the certificate of ${host} does not verify (${code})`,
      {
        remedy: "Mend the server's certificate, or give its authority as `ca` in the account's settings.",
      },
    );
  }
  const known = KNOWN[code];
  if (known !== undefined) {
    return new Fault('transient', known.code, `${host} ${known.message} (${code})`, { cause: error });
  }
  if (code.startsWith('E') || code.startsWith('UND_ERR_') || code.startsWith('HPE_')) {
    return new Fault('transient', 'connection_failed', `the exchange with ${host} failed (${code})`, {
      cause: error,
    });
  }
  return new Fault('bug', 'unexpected_error', `an unexpected error while talking to ${host}`, {
    cause: error,
  });
}

export function abortedFault(host: string): Fault {
  return new Fault('transient', 'aborted', `the exchange with ${host} was given up`);
}

/** A Fault that a library carried as its own cause. */
function faultWithin(error: unknown): Fault | undefined {
  for (let at = error, depth = 0; depth < 4; depth += 1) {
    if (at instanceof Fault) return at;
    if (!(at instanceof Error)) return undefined;
    at = at.cause;
  }
  return undefined;
}

const KNOWN: Readonly<Record<string, { code: string; message: string }>> = {
  ECONNREFUSED: { code: 'connection_refused', message: 'refuses connections' },
  ECONNRESET: { code: 'connection_cut', message: 'cut the connection' },
  EPIPE: { code: 'connection_cut', message: 'cut the connection' },
  UND_ERR_SOCKET: { code: 'connection_cut', message: 'cut the connection' },
  ETIMEDOUT: { code: 'timeout', message: 'could not be reached in time' },
  UND_ERR_CONNECT_TIMEOUT: { code: 'timeout', message: 'could not be reached in time' },
};

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return '';
}

/** Node's names of X.509 verification results, and TLS's own refusals. */
function isCertificateCode(code: string): boolean {
  return (
    code.startsWith('CERT_') ||
    code.startsWith('ERR_TLS_CERT') ||
    code.startsWith('UNABLE_TO_') ||
    code.startsWith('SELF_SIGNED_CERT') ||
    code === 'DEPTH_ZERO_SELF_SIGNED_CERT' ||
    code === 'HOSTNAME_MISMATCH' ||
    code === 'INVALID_CA' ||
    code === 'INVALID_PURPOSE'
  );
}
