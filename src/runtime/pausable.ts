import { WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { routeEndpoint } from '../plan/endpoint-name.ts';
import type { Plan } from '../plan/plan.ts';
import type { Manifest } from '../ports/topology.ts';

/**
 * The endpoint that people mean: by its own name, or by that of a route.
 * @throws WB_PAUSE_REFUSED when there is none, when others would stop as well, or when it is none of ours to stop
 */
export function pausableEndpoint(name: string, { topology }: Manifest, { routes }: Plan): string {
  const { endpoints } = topology;
  const endpoint =
    endpoints.find((each) => each.name === name) ?? endpoints.find((each) => each.name === routeEndpoint(name));
  if (endpoint?.plain === true && endpoint.kind === 'service') {
    throw refused(`${name} is a client without the SDK, which takes messages on its own`, 'Stop the client.');
  }
  if (endpoint !== undefined) return endpoint.name;
  const route = routes.find((each) => each.name === name);
  if (route?.road === 'inline') {
    throw refused(
      `the route ${name} has no endpoint of its own: the router runs it with others`,
      'Set isolate: true and apply, or pause router.',
    );
  }
  if (route?.road === 'direct') {
    const services = route.to.flatMap((each) => ('service' in each ? each.service : []));
    throw refused(
      `the route ${name} is direct: its messages go straight to ${services.join(', ')}`,
      `Pause ${services.join(' or ')}, or set isolate: true and apply.`,
    );
  }
  const known = [...endpoints.map((each) => each.name), ...routes.map((each) => each.name)];
  throw refused(
    `there is no endpoint and no route ${name}`,
    didYouMean(name, known) ?? `There is ${endpoints.map((each) => each.name).join(', ')}.`,
  );
}

function refused(message: string, fix: string): WaybillError {
  return new WaybillError('WB_PAUSE_REFUSED', message, { fix });
}
