import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { notEmpty } from '../confirmation.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import { neededFor, readToc } from './archive.ts';
import { addressOf, connectionOf } from './connection.ts';
import { withExtensionOfExclusions } from './exclusions.ts';
import { tablespacesIn } from './inspect.ts';
import { inspectTarget, type Target } from './inspect-target.ts';
import { executeRestore } from './restore-steps.ts';
import { isOfDatabase, missingRoles, noRoles, ownersMissing, planRoles, type RolePlan } from './roles.ts';
import { findRelations, nameOf, type Selection, selectEntries } from './select-tables.ts';
import { refuseLostPartitions } from './target.ts';
import type { TocEntry } from './toc.ts';
import type { ClientTools, ClientToolsFinder } from './tools.ts';
import { type OwnerOptions, withoutOwners } from './without-owners.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  parts: PartReader;
}

/** What was found out before anything is changed. */
interface Found extends RestoreRequest {
  at: Target;
  tools: ClientTools;
  part: ManifestPart;
  toc: readonly TocEntry[];
}

/** Refuses what must be refused, then makes the target ready. */
export async function prepareRestore(
  request: RestoreRequest,
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<RestorePlan> {
  const { manifest, options } = request;
  const connection = connectionOf(request.target);
  const part = dataPartOf(manifest);
  const at = await inspectTarget({ connection, manifest, options }, context);
  const tools = await finder.choose(neededFor(manifest, at.facts.server), context);
  const found = { ...request, at, tools, part, toc: await readToc({ ...request, part, tools }, context) };
  const selection = options.tables.length > 0 ? await selectTables(found, context) : null;
  const entries = selection?.entries ?? found.toc;
  const roles = options.globals ? await planRoles(manifest, request.parts, at.facts.roles) : noRoles;
  const owners = await decideOwners({ ...found, toc: entries }, roles, context);
  const over = at.holdsObjects || (selection?.relations.some(at.exists) ?? false);
  if (over)
    refuseLostPartitions(at, new Set((selection?.relations ?? found.toc.filter(isTable)).map(nameOf)));
  return executeRestore(
    {
      ...{ connection, tools, part, roles, selection },
      create: options.create ? { restore: manifest.restore, owner: ownerOf(found, roles) } : null,
      args: [...argumentsFor(found, over), ...owners.args],
      notes: [...notesOn(found, { selection, over }), ...owners.notes, ...roles.notes],
    },
    context,
  );
}

function isTable({ desc }: TocEntry): boolean {
  return desc === 'TABLE' || desc === 'FOREIGN TABLE';
}

/**
 * A server without tablespaces of its own has only one place for everything, and so has one that lacks a tablespace of the
 * backup. In a drill nobody is granted anything, and its user may not grant as others.
 */
function argumentsFor({ at, manifest, options }: Found, over: boolean): string[] {
  const onePlace = at.facts.tablespaces.size === 0 || missingTablespaces({ at, manifest }).length > 0;
  return [
    ...(over ? ['--clean', '--if-exists'] : []),
    ...(onePlace ? ['--no-tablespaces'] : []),
    ...(options.isolated ? ['--no-subscriptions', '--no-privileges'] : []),
  ];
}

function notesOn(
  found: Found,
  { selection, over }: { selection: Selection | null; over: boolean },
): string[] {
  const lacking = missingTablespaces(found);
  const moved =
    lacking.length > 0
      ? [`everything is in the default tablespace, because the server lacks some: ${lacking.join(', ')}`]
      : [];
  if (selection) return [...selection.notes, ...moved];
  return [
    ...moved,
    ...(over ? ['objects of the target that the backup does not have were left as they were'] : []),
    ...leftOfDatabase(found),
  ];
}

function missingTablespaces({ at, manifest }: Pick<Found, 'at' | 'manifest'>): string[] {
  return tablespacesIn(manifest.notes).filter((name) => !at.facts.tablespaces.has(name));
}

/** They name the source database, which the new one need not be called like. */
function leftOfDatabase({ options, toc }: Found): string[] {
  const kinds = { ACL: 'grants', COMMENT: 'comment', 'SECURITY LABEL': 'security label' };
  const left = Object.entries(kinds).filter(([desc]) =>
    toc.some((entry) => entry.desc === desc && isOfDatabase(entry)),
  );
  if (!options.create || left.length === 0) return [];
  return [`what belongs to the database itself was left out: ${left.map(([, kind]) => kind).join(', ')}`];
}

/** TARGET_NOT_EMPTY when the target has one of the tables and the operator did not allow to restore over it. */
async function selectTables(
  { at, manifest, options, toc, ...archive }: Found,
  context: EngineContext,
): Promise<Selection> {
  const relations = findRelations(toc, options.tables);
  const present = relations.filter(at.exists);
  if (present.length > 0 && options.confirm === undefined) {
    const { connection, facts } = at;
    throw notEmpty({
      database: connection.database,
      address: addressOf(connection),
      identity: facts.systemIdentifier,
      manifest,
      holds: present.map(nameOf),
    });
  }
  const { entries } = selectEntries(toc, relations, at.exists);
  const whole = await withExtensionOfExclusions(toc, { ...archive, entries }, context);
  return selectEntries(whole, relations, at.exists);
}

/** OWNER_MISSING when roles are missing and the operator chose neither to make them nor to do without. */
async function decideOwners(
  { at, manifest, options, toc, ...archive }: Found,
  roles: RolePlan,
  context: EngineContext,
): Promise<OwnerOptions> {
  const existing = new Set([...at.facts.roles, ...roles.created]);
  const missing = missingRoles({ entries: toc, manifest, create: options.create }, existing);
  if (options.noOwner)
    return withoutOwners({ ...archive, entries: toc }, { missing, actsAs: at.facts.actsAs }, context);
  if (missing.length > 0) throw ownersMissing(missing, at.connection);
  return { args: [], notes: [] };
}

function ownerOf({ at, manifest, options }: Found, roles: RolePlan): string | undefined {
  const { owner } = manifest.restore;
  const known = at.facts.roles.has(owner) || roles.created.includes(owner);
  return known && !options.noOwner ? owner : undefined;
}
