/** What one run of one scenario measured; figures by name. */
export type Result = Readonly<Record<string, number>>;
