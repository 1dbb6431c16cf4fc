/** The contract that the tests of expressions read. */
export const order = {
  type: 'object',
  required: ['id', 'total', 'count', 'customerId', 'status', 'shipTo', 'lines', 'buyer'],
  properties: {
    id: { type: 'string' },
    total: { type: 'number' },
    count: { type: 'integer' },
    customerId: { type: 'string' },
    status: { enum: ['open', 'shipped'] },
    note: { type: 'string' },
    shipTo: {
      type: 'object',
      required: ['country'],
      properties: { country: { type: 'string' }, city: { type: 'string' } },
    },
    bill: {
      type: 'object',
      required: ['due', 'ref'],
      properties: {
        due: { type: ['number', 'null'] },
        total: { type: 'number' },
        ref: { type: ['string', 'integer'] },
      },
    },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        required: ['sku', 'quantity', 'price'],
        properties: {
          sku: { type: 'string' },
          quantity: { type: 'integer' },
          price: { type: 'number' },
          note: { type: 'string' },
        },
      },
    },
    buyer: {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string' }, name: { type: 'string' } },
    },
    due: { type: 'string', format: 'date' },
    tags: { type: 'array', items: { type: 'string' } },
  },
};
