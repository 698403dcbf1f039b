/**
 * What the AWS SDK throws, as a Fault. Only the error's name is kept: messages may repeat values of the request.
 */
import { Fault } from '../core/fault.ts';

/** Runs one SDK call; throws Faults only. An abort by the caller's own signal is thrown on as it is. */
export async function awsCall<T>(what: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await call();
  } catch (error) {
    signal?.throwIfAborted();
    throw awsFault(what, error);
  }
}

/**
 * @param what the call as a person would name it: `UpdateItem on the state table`
 * @returns `transient` for throttles, time-outs and faults of the service, `config` for refused permissions and
 *   missing resources, `bug` for requests that AWS does not understand
 */
export function awsFault(what: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const name = nameOf(error);
  if (REFUSED.has(name)) {
    return new Fault('config', 'aws_access_denied', `${what}: AWS refused it (${name})`, {
      remedy: 'Deploy the environment again; the role of this function lacks a permission.',
      cause: error,
    });
  }
  if (MISSING.has(name)) {
    return new Fault('config', 'aws_resource_missing', `${what}: the resource is not there (${name})`, {
      remedy: 'Deploy the environment again; a resource that the function was told of has been removed.',
      cause: error,
    });
  }
  if (isTransient(error, name)) {
    return new Fault('transient', 'aws_unavailable', `${what}: ${name}`, { cause: error });
  }
  return new Fault('bug', 'aws_request_refused', `${what}: ${name}`, { cause: error });
}

/** The error's own name, or its code (`ECONNREFUSED`) when it has only that. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { code?: unknown };
  return error.name === 'Error' && typeof code === 'string' ? code : error.name;
}

const REFUSED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'ExpiredToken',
  'KMSAccessDeniedException',
  'KmsAccessDenied',
  'UnrecognizedClientException',
]);

const MISSING = new Set([
  'AWS.SimpleQueueService.NonExistentQueue',
  'NoSuchBucket',
  'QueueDoesNotExist',
  'ResourceNotFoundException',
]);

/** Names that are neither marked by the SDK nor come with a status of 500 or above. */
const TRANSIENT = new Set([
  'AbortError',
  // Somebody else has just made the same thing: a repeat finds it.
  'ConflictException',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'InternalServerError',
  'KmsThrottled',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
]);

function isTransient(error: unknown, name: string): boolean {
  if (TRANSIENT.has(name)) return true;
  const { $retryable, $metadata } = (error ?? {}) as {
    $retryable?: unknown;
    $metadata?: { httpStatusCode?: number };
  };
  return $retryable !== undefined || ($metadata?.httpStatusCode ?? 0) >= 500;
}
