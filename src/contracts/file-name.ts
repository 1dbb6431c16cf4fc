import { parseTypeRef, type TypeRef, typeRef } from '../message.ts';

const NAME = '([a-z][a-z0-9-]*)/([a-z][a-z0-9-]*(?:\\.[a-z][a-z0-9-]*)*)\\.v([1-9][0-9]{0,5})';
const CONTRACT = new RegExp(`(?:^|/)${NAME}\\.json$`);
const CAST = new RegExp(`(?:^|/)${NAME}-v([1-9][0-9]{0,5})\\.yaml$`);

/** `schemas/shop/order.placed.v1.json` is `shop.order.placed@1`; undefined for a name of another form. */
export function contractFileRef(file: string): TypeRef | undefined {
  const match = CONTRACT.exec(file);
  return match === null ? undefined : refOf(match[1], match[2], match[3]);
}

/** `schemas/shop/order.placed.v1-v2.yaml` leads from `shop.order.placed@1` to `@2`; undefined for a name of another form. */
export function castFileRefs(file: string): { readonly from: TypeRef; readonly to: TypeRef } | undefined {
  const match = CAST.exec(file);
  const from = match === null ? undefined : refOf(match[1], match[2], match[3]);
  const to = match === null ? undefined : refOf(match[1], match[2], match[4]);
  return from === undefined || to === undefined ? undefined : { from, to };
}

function refOf(domain = '', name = '', version = ''): TypeRef | undefined {
  const ref = typeRef(`${domain}.${name}`, Number(version));
  return parseTypeRef(ref) === undefined ? undefined : ref;
}
