/**
 * Five-field cron schedules as bit sets, always UTC: `*`, numbers, lists `1,2`, ranges `1-5`, steps `*\/15`, `8-18/2` and
 * `5/15`, names of months and days, 0 and 7 for Sunday. The same fixtures hold for this and for the Rust client.
 */

import type { ScheduleArgs } from "./generated/types/index.js";

type Field = { name: string; low: number; high: number; names?: string[]; isDay?: boolean };

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAY_OF_WEEK: Field = { name: "day of week", low: 0, high: 7, names: DAYS, isDay: true };
const FIELDS: Field[] = [
  { name: "minute", low: 0, high: 59 },
  { name: "hour", low: 0, high: 23 },
  { name: "day of month", low: 1, high: 31, isDay: true },
  { name: "month", low: 1, high: 12, names: MONTHS },
  DAY_OF_WEEK,
];

/** Most days that a month has, January first. */
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads an expression of five fields, separated by blanks.
 *
 * @throws Error whose message says which field is not valid, and what would be.
 */
export function parseSchedule(expression: string): ScheduleArgs {
  const texts = expression.trim().split(/\s+/);
  if (texts.length !== FIELDS.length || expression.trim() === "") {
    throw new Error("use five fields (minute hour day-of-month month day-of-week)");
  }
  const sets = FIELDS.map((field, at) => set(field, texts[at] ?? ""));
  const [minute = 0n, hour = 0n, dayOfMonth = 0n, month = 0n, days = 0n] = sets;
  const isStar = (text = "") => /^[*?]/.test(text);
  const schedule: ScheduleArgs = {
    minute,
    hour: Number(hour),
    dayOfMonth: Number(dayOfMonth),
    month: Number(month),
    // 7 is Sunday too.
    dayOfWeek: Number((days | (days >> 7n)) & 0x7fn),
    dayOfMonthStar: isStar(texts[2]),
    dayOfWeekStar: isStar(texts[4]),
  };
  const eitherDay = !schedule.dayOfMonthStar && !schedule.dayOfWeekStar;
  const hasDay = (length: number, at: number) => (month >> BigInt(at + 1)) & 1n && dayOfMonth & ((2n << BigInt(length)) - 1n);
  if (!eitherDay && !LONGEST.some(hasDay)) throw new Error("it never fires, no month of it has such a day");
  return schedule;
}

function set(field: Field, text: string): bigint {
  return text.split(",").reduce((all, item) => all | items(field, item), 0n);
}

/** The set of one item: `*`, `a`, `a-b`, each with `/step` or without. */
function items(field: Field, text: string): bigint {
  const [range = "", step, ...rest] = text.split("/");
  const by = step === undefined ? 1 : number(step);
  const ends = bounds(field, range, step !== undefined);
  if (rest.length > 0 || by === undefined || by === 0 || ends === undefined || (step !== undefined && by > ends[1] - ends[0])) {
    const names = field.names ? `, ${field.names[0]} to ${field.names.at(-1)}`.toUpperCase().replace("TO", "to") : "";
    throw new Error(
      `${field.name}: ${JSON.stringify(text)} is not valid, use ${field.low} to ${field.high}${names}, *, lists (1,2), ranges (1-5) and steps (*/15)`,
    );
  }
  let all = 0n;
  for (let value = ends[0]; value <= ends[1]; value += by) all |= 1n << BigInt(value);
  return all;
}

/** First and last value of a range; a single value with a step reaches to the field's end. */
function bounds(field: Field, range: string, stepped: boolean): [number, number] | undefined {
  if (range === "*" || (field.isDay && range === "?")) return [field.low, field.high];
  const parts = range.split("-");
  const [low, high] = parts.map((part) => valueOf(field, part));
  if (low === undefined || parts.length > 2 || (parts.length === 2 && high === undefined)) return undefined;
  // A step in the days of the week ends on Saturday.
  const last = field === DAY_OF_WEEK ? 6 : field.high;
  if (high === undefined) return [low, stepped ? Math.max(low, last) : low];
  // A range that ends on Sunday, such as FRI-SUN, ends with 7.
  const end = field === DAY_OF_WEEK && high === 0 && low > 0 ? 7 : high;
  return low <= end ? [low, end] : undefined;
}

/** A number within the field, or a name of a month or day. */
function valueOf({ low, high, names = [] }: Field, text: string): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + (names === MONTHS ? 1 : 0) : number(text);
  return value !== undefined && value >= low && value <= high ? value : undefined;
}

const number = (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined);
