/** The words behind the numbers that accounts store; each word's place is its number. */

export const STATUSES = ["DRAFT", "STARTING", "RUNNING", "STOPPING", "STOPPED", "ARCHIVED", "ERROR", "INSUFFICIENT_FUNDS"] as const;
export const STRATEGIES = ["SIMPLE", "SIMPLE-EXTEND", "SCHEDULED", "INFINITE"] as const;
export const REASONS = ["NONE", "PRICE_ABOVE_CAP", "MARKET_UNUSABLE", "RAPID_COMPLETION"] as const;
export const OVERLAPS = ["ALLOW", "FORBID", "REPLACE"] as const;

export type Status = (typeof STATUSES)[number];
export type Strategy = (typeof STRATEGIES)[number];
export type Reason = (typeof REASONS)[number];
export type Overlap = (typeof OVERLAPS)[number];

/** The word for a number, or `undefined` if none has it. */
export const wordFor = <Word extends string>(words: readonly Word[], number: number): Word | undefined => words[number];
