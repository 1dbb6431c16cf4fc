import { waitUntil } from '../../ports/delay.ts';
import type { StateUnit } from '../../ports/store.ts';
import type { Outgoing, Settlement } from '../../ports/transport.ts';
import type { Held } from './held.ts';
import type { State } from './state.ts';

/** How much of the parking lot an outgoing message will take. @unit bytes @throws WB_PLAN_NOT_APPLIED, WB_OPTION_INVALID */
export function parkingNeed({ exchange, context }: State, { to, message, dueAt }: Outgoing): number {
  const wait = dueAt === undefined ? 0 : waitUntil(dueAt, context.clock.now());
  if (to === 'bus') return wait === 0 && exchange.takers(message.envelope).length === 0 ? message.body.length : 0;
  if ('endpoint' in to) exchange.endpoint(to.endpoint);
  return 0;
}

/** Ends a delivery, but for its sends: the ledger, letters and delays, in the commit that forms. */
export function finish(state: State, delivery: Held, settlement: Settlement): void {
  const { ledger } = state;
  const { message, origin } = delivery;
  const counters = ledger.endpoint(origin.endpoint);
  const { outcomes } = counters;
  const name = settlement.outcome === 'retry' ? 'retried' : settlement.outcome;
  outcomes[name] = (outcomes[name] ?? 0) + 1;
  origin.settle(delivery);
  if (settlement.outcome === 'retry') {
    counters.delayed += 1;
    ledger.touch();
    const extra = {
      attempts: settlement.attempts,
      ...(delivery.route === undefined ? undefined : { route: delivery.route }),
    };
    const dueAt = state.context.clock.now() + settlement.delayMs;
    state.delays.add(dueAt, { to: { endpoint: origin.endpoint }, message, extra });
    return;
  }
  counters.backlog -= 1;
  switch (settlement.outcome) {
    case 'parked':
      state.park(message);
      return;
    case 'dead':
    case 'expired':
      // One delivery that died for several reasons leaves a letter for each.
      ledger.add('made', settlement.deaths.length - 1);
      ledger.add(settlement.outcome, settlement.deaths.length);
      for (const { code, error, route, attempts } of settlement.deaths) {
        const story = {
          endpoint: origin.endpoint,
          ...(route === undefined ? undefined : { route }),
          code,
          error,
          attempts,
        };
        state.letters.add('dead', settlement.outcome, story, message);
      }
      return;
    default:
      ledger.add(settlement.outcome, 1);
      if (settlement.unit !== undefined) keep(state, settlement.unit);
  }
}

/** With the end of its delivery, so that there is never one without the other. */
function keep({ units }: State, unit: StateUnit): void {
  units.change(unit);
  if (unit.keepMs !== undefined) units.record(unit, true);
}
