/** Prices in us-east-1, US dollars; source and certainty of each: `docs/prices.md`. */
export const PRICES = {
  lambdaGbSecond: 0.0000133334,
  lambdaRequest: 0.2 / 1e6,
  dynamodbWriteUnit: 0.625 / 1e6,
  dynamodbReadUnit: 0.125 / 1e6,
  sqsRequest: 0.4 / 1e6,
  s3Write: 0.005 / 1000,
  s3Read: 0.0004 / 1000,
  busEvent: 1 / 1e6,
  schedulerCall: 1 / 1e6,
  secretsCall: 0.05 / 10_000,
} as const;
