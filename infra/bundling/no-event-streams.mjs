/**
 * In the bundles this takes the place of the SDK's event streams, which only operations such as SelectObjectContent
 * speak. A client of S3 asks for them when it is made and never again.
 */
export const resolveEventStreamSerdeConfig = (config) => config;

export function eventStreamSerdeProvider() {
  throw new Error('event streams are not in this bundle: infra/bundling/trims.ts left them out');
}

export class EventStreamSerde {
  constructor() {
    eventStreamSerdeProvider();
  }
}
