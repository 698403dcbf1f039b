/** Tells operators which sync or account needs somebody, or no longer does: an event of the bus, in plain sentences. */
import { SNSClient } from '@aws-sdk/client-sns';
import { powertoolsTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { snsOperators } from '../shared/aws/sns-operators.ts';
import { operatorMessage, toldEventSchema } from '../shared/core/operator-message.ts';
import { entry } from './entry.ts';
import { requestHandler } from './runtime.ts';
import { operatorVariables, readVariables } from './variables.ts';

function ports() {
  const { ENVIRONMENT, OPERATOR_TOPIC } = readVariables(operatorVariables);
  return {
    environment: ENVIRONMENT,
    topic: snsOperators(new SNSClient({ requestHandler }), OPERATOR_TOPIC),
    telemetry: powertoolsTelemetry(ENVIRONMENT),
  };
}

export const handler = entry(ports, async ({ environment, topic, telemetry }, event: unknown) => {
  const told = toldEventSchema.parse(event);
  const { syncId, epoch, account } = told.detail;
  telemetry.about({
    ...(typeof syncId === 'string' ? { syncId } : {}),
    ...(typeof epoch === 'number' ? { epoch } : {}),
    ...(typeof account === 'string' ? { account } : {}),
  });
  const message = operatorMessage(environment, told);
  if (message !== undefined) await topic.publish(message);
  const is = message === undefined ? 'nobody_needs_to_know' : 'told';
  telemetry.log('info', 'tell_operators_ended', { is });
  return { is };
});
