/**
 * Whether what was sampled out stays so in this process: with `parentbased_*` samplers, the default among the standard ones. Then nothing has to be asked of
 * the SDK for a message whose trace nobody keeps, and most are that.
 */
let followed = false;

export function followParents(env: NodeJS.ProcessEnv): void {
  const sampler = env['OTEL_TRACES_SAMPLER'] ?? '';
  followed = sampler === '' || sampler.startsWith('parentbased_');
}

/** Whether the trace of a message is one that nobody keeps, here either. */
export function isSampledOut(traceparent: string | undefined): boolean {
  // Version 00 alone, flags 00; letter by letter, since this is asked for every message.
  if (!followed || traceparent?.length !== 55) return false;
  return isZero(traceparent, 54) && isZero(traceparent, 53) && isZero(traceparent, 0) && isZero(traceparent, 1);
}

function isZero(text: string, at: number): boolean {
  return text.charCodeAt(at) === 0x30;
}
