/** What V8 writes, as far as it is read here. */
interface SnapshotFile {
  readonly snapshot: { readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly unknown[] } };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** All objects of one constructor, or of one kind of V8's own. */
export interface HeapClass {
  readonly count: number;
  /** In bytes, of the objects alone. */
  readonly size: number;
}

export interface ClassGrowth extends HeapClass {
  readonly name: string;
}

/** Kinds whose nodes have a name of their own each: by kind. Those of "object" and "native" have their constructor's. */
const byKind: ReadonlySet<string> = new Set(["object", "native", "closure", "object shape"]);

/** Counts and sizes by constructor, as the summary of a browser's developer tools has them. */
export function heapClasses(text: string): Map<string, HeapClass> {
  const { snapshot, nodes, strings } = JSON.parse(text) as SnapshotFile;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [typeAt, nameAt, sizeAt] = [fields.indexOf("type"), fields.indexOf("name"), fields.indexOf("self_size")];
  const kinds = types[typeAt];
  if (typeAt < 0 || nameAt < 0 || sizeAt < 0 || !Array.isArray(kinds)) throw new Error("this is not a heap snapshot of V8");
  const classes = new Map<string, { count: number; size: number }>();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = String(kinds[nodes[at + typeAt] ?? -1]);
    const name = strings[nodes[at + nameAt] ?? -1] ?? "";
    const key = byKind.has(kind) ? named(kind, name) : `(${kind})`;
    const known = classes.get(key) ?? { count: 0, size: 0 };
    known.count++;
    known.size += nodes[at + sizeAt] ?? 0;
    classes.set(key, known);
  }
  return classes;
}

/** What grew between two snapshots, the most bytes first. */
export function heapGrowth(before: ReadonlyMap<string, HeapClass>, after: ReadonlyMap<string, HeapClass>): ClassGrowth[] {
  return [...after]
    .map(([name, { count, size }]) => {
      const was = before.get(name);
      return { name, count: count - (was?.count ?? 0), size: size - (was?.size ?? 0) };
    })
    .filter(({ size }) => size > 0)
    .toSorted((a, b) => b.size - a.size);
}

/** Classes of several processes together. */
export function joinedClasses(all: readonly ReadonlyMap<string, HeapClass>[]): Map<string, HeapClass> {
  const joined = new Map<string, HeapClass>();
  for (const [name, { count, size }] of all.flatMap((classes) => [...classes])) {
    const known = joined.get(name) ?? { count: 0, size: 0 };
    joined.set(name, { count: known.count + count, size: known.size + size });
  }
  return joined;
}

function named(kind: string, name: string): string {
  if (kind === "object") return name === "" ? "(object)" : name;
  return name === "" ? `(${kind})` : `(${kind}) ${name}`;
}
