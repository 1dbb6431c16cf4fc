import type { TypeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Address, EndpointStats } from '../ports/transport.ts';

/** Where a message of the type may go: the services it may reach in the end, and the endpoints on the way. */
function reachOf(
  plan: Plan,
  type: TypeRef,
): { readonly services: readonly string[]; readonly endpoints: readonly string[] } {
  const services = new Set<string>();
  const endpoints = new Set<string>();
  const seen = new Set<TypeRef>();
  const follow = (ref: TypeRef): void => {
    if (seen.has(ref)) return;
    seen.add(ref);
    for (const { from, to, endpoint } of plan.routes) {
      if (!from.includes(ref)) continue;
      if (endpoint !== undefined) endpoints.add(endpoint);
      for (const target of to) {
        if ('service' in target) services.add(target.service);
        else if ('publish' in target) follow(target.publish);
      }
    }
  };
  follow(type);
  return { services: [...services], endpoints: [...endpoints] };
}

/** Why an answer did not come, as far as the endpoints on its way show; undefined when they show nothing. */
export function whySilent(plan: Plan, type: TypeRef, to: Address, stats: readonly EndpointStats[]): string | undefined {
  const straight = typeof to === 'object' && 'endpoint' in to;
  const { services, endpoints } = straight ? { services: [to.endpoint], endpoints: [] } : reachOf(plan, type);
  const reasons: string[] = [];
  for (const name of [...endpoints, ...services]) {
    const found = stats.find((each) => each.name === name);
    if (found === undefined) continue;
    const what = services.includes(name) ? `the service ${name}` : `the endpoint ${name} of the router`;
    const paused = found.states.flatMap(({ paused: reason }) => reason ?? [])[0];
    if (found.consumers === 0) reasons.push(`${what} is not running`);
    else if (paused !== undefined) reasons.push(`${what} is paused: ${paused}`);
    else if (found.waiting > 0) reasons.push(`${String(found.waiting)} messages wait at ${name}`);
  }
  return reasons.length === 0 ? undefined : reasons.join('; ');
}
