/** What is wrong with a deployment's JSON: the field, its value, and what would be valid. */
export type Problem = {
  /** The field's place, for example `job_definition.ops[0].id`, or `JSON`. */
  field: string;
  /** The value in the JSON; `undefined` if the field is missing. */
  value: string | undefined;
  /** What would be valid. */
  valid: string;
};

/** Everything that is wrong with a deployment's JSON, a line each. */
export class InvalidDeployment extends Error {
  override readonly name = "InvalidDeployment";

  constructor(readonly problems: Problem[]) {
    const line = ({ field, value, valid }: Problem) =>
      value === undefined ? `${field}: missing; ${valid}` : `${field}: ${value} is not valid; ${valid}`;
    super(problems.map(line).join("\n"));
  }
}

/** One problem, to throw. */
export const invalid = (field: string, value: string | undefined, valid: string) => new InvalidDeployment([{ field, value, valid }]);
