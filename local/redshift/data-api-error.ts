/** An error in the shapes of the Data API: `ValidationException`, `ResourceNotFoundException`, ... */
export class DataApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'DataApiError';
    this.code = code;
    this.status = status;
  }
}

export const invalid = (message: string): DataApiError => new DataApiError('ValidationException', message);
export const notFound = (message: string): DataApiError =>
  new DataApiError('ResourceNotFoundException', message);
