/** JSON as people write it: comments and trailing commas are allowed, nothing else that is not JSON. */

import { parseTree, printParseErrorCode, type Node, type ParseError } from "jsonc-parser";
import type { Json } from "./definition.js";
import { invalid } from "./problems.js";

/** Largest JSON that is read: 16 MiB; and deepest nesting. */
const [MAX_JSON_BYTES, MAX_DEPTH] = [16 * 1024 * 1024, 128];

/**
 * Reads JSON in which comments, trailing commas and a byte order mark are allowed.
 *
 * @throws InvalidDeployment with the place of what is not JSON, of a key that is there twice, and of what is nested deeper
 * than 128 levels.
 */
export function parseJson(source: string): Json {
  const text = source.replace(/^\ufeff/, "");
  const size = new TextEncoder().encode(text).length;
  if (size > MAX_JSON_BYTES) throw invalid("JSON", `${size} bytes`, `use at most ${MAX_JSON_BYTES} bytes`);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) throw invalid("JSON", place(text, first.offset), printParseErrorCode(first.error));
  if (root === undefined) throw invalid("JSON", undefined, "use an object: {...}");
  return read(text, root, 1);
}

function read(text: string, node: Node, depth: number): Json {
  if (depth > MAX_DEPTH) throw invalid("JSON", place(text, node.offset), `nest at most ${MAX_DEPTH} levels deep`);
  const children = node.children ?? [];
  if (node.type === "array") return children.map((child) => read(text, child, depth + 1));
  if (node.type !== "object") return node.value as Json;
  const seen = new Map<string, number>();
  const members = children.map((property): [string, Json] => {
    const [key, value] = property.children as [Node, Node];
    const earlier = seen.get(key.value);
    // Which of the two counts differs from one reader to the next.
    if (earlier !== undefined) {
      const twice = `key ${JSON.stringify(key.value)} at ${place(text, earlier)} and at ${place(text, key.offset)}`;
      throw invalid("JSON", twice, "give each key once");
    }
    seen.set(key.value, key.offset);
    return [key.value, read(text, value, depth + 1)];
  });
  // Unlike assignment, this makes an own property of `__proto__` too.
  return Object.fromEntries(members);
}

/** Line and column, from 1. */
function place(text: string, offset: number): string {
  const lines = text.slice(0, offset).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
}
