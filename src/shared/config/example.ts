/** A configuration that loads once SHOP_URL is set. Lines that begin with `#` and a key are settings at their defaults. */
export function exampleConfig(): string {
  return example;
}

const example = `# BackUpData configuration. Text is resolved when it is read:
#   \${NAME}              the environment variable NAME
#   \${file:/run/secrets/x}   the contents of a file, without its last line break
#   $\${                  a plain "\${"
# A setting that is commented out shows its default, unless its comment says otherwise.
# For an editor that checks the file: \`backupdata config schema > backupdata.schema.json\`, then
# yaml-language-server: $schema=backupdata.schema.json

# Separates several installations that share one Redis. BACKUPDATA_INSTALLATION stands above it.
#installation: default

# Where backups are kept. A relative path starts in this file's folder.
storages:
  main:
    type: local
    path: ./backups
    # Where it may be another installation's: then backups are added, and nothing is retired or swept there.
    #   shared: true
  # Other types are s3, gcs and azure; docs/storages.md has their keys. A bucket with the keys of the environment:
  #   offsite: { type: s3, bucket: acme-backups, region: eu-central-1 }

# Secret keys of age that open encrypted backups; only where restores run. \`backupdata keygen\` makes one.
#   identities: ["\${file:/run/secrets/age.key}"]
identities: []

# For every database that does not say otherwise.
defaults:
  # May be left out while there is only one storage.
  storage: main
  # Other storages that each backup is copied to once it is committed: [NAME], or [{ storage: NAME, retention: … }]
  # where its backups are kept for another time than in the first.
  #copies: []
  # type: zstd with level 1 to 19, gzip with level 1 to 9, or none.
  compression: { type: zstd, level: 1 }
  # type: age with the public keys to which backups are encrypted; the secret key of any one of them opens all.
  #   encryption: { type: age, recipients: [age1…, age1…] }
  #encryption: { type: none }
  # Which backups are kept; without it, all. The newest of each of so many hours, days, weeks, months and years, and all
  # that are no older than "within". A copy may have its own:
  #   copies: [{ storage: offsite, retention: { monthly: 24 } }]
  retention: { last: 7, daily: 14, weekly: 8, monthly: 12 }
  # When it is backed up: five fields of cron (minute, hour, day of the month, month, weekday) in its time zone. Without it,
  # only when asked for. "spread" puts each database's slots off by a time of its own, of up to so much; of slots that
  # could not be run in time the newest is run late, or none (docs/schedules.md):
  #   schedule: "0 2 * * *"
  #spread: 0s
  #missed: run-once
  # A database whose newest backup is older is stale. Of one with a schedule that is twice the time between two slots,
  # where nothing is said:
  #   maxAge: 26h
  # A backup that is so many times as large or as small as the median of the last ones is unusual: off, warn or fail.
  #sizeAnomaly: { factor: 3, last: 5, action: warn }
  # Which notifiers are told of it; every one where nothing is said:
  #   notify: [ops]
  # How backups are proven: docs/verification.md. Each is verified once it is made (decoded, if a key fits).
  #   verify: { level: restore, schedule: "0 3 * * 0", target: lab, counts: exact, assertions: ["SELECT count(*) > 0 FROM item"] }
  #verify: { level: decode, counts: none, assertions: [] }
  # Whose days, weeks and months these are, and the time zone of schedules.
  #timezone: UTC
  # Workers started with --pool NAME take this database.
  #pool: default
  # A run that takes longer is stopped.
  #maxDuration: 24h
  # A part is stored as objects of at most this size; at least 1MiB.
  #volumeSize: 64GiB
  # A program and its arguments, run on the worker before and after each backup (docs/configuration.md):
  #   before: [/usr/local/bin/freeze, shop]
  #   after: [/usr/local/bin/thaw, shop]
  # 1 to 19 lets the programs of a backup step back behind all others of the machine.
  #nice: 0

databases:
  shop:
    engine: postgres
    # postgres://USER:PASSWORD@HOST:PORT/DATABASE
    url: \${SHOP_URL}
    # What is dumped of it, if not everything; docs/engines.md has the page of each engine:
    #   tables: { exclude: ["public.import_*"], excludeData: ["audit.event"] }
    # For every database of a server, in place of "url" (docs/servers.md):
    #   discover: { url: "\${SERVER_URL}", include: ["shop*"], exclude: ["*_scratch"] }
    # Every key of "defaults" may stand here too.
    compression: { type: zstd, level: 3 }

# Who is told of what happens (docs/notifications.md): slack, webhook, email or healthcheck. "on" takes success, failure,
# recovery, stale, verification-failed, prune and missed; without it, all but success and prune.
#   ops: { type: slack, webhook: "\${SLACK_WEBHOOK_URL}", on: [failure, recovery, stale] }
notifiers: {}

# Where people reach the console, such as https://backups.example.com: notifications link to it.
#publicUrl: null

# Who may use the API and the console: \`backupdata token create\` prints such a line (docs/security.md). Roles are viewer, operator
# and admin; "databases" limits a token to some:
#   tokens: [{ name: ci, role: operator, sha256: "…", databases: ["shop*"] }]
auth: { tokens: [] }

# Where what was changed or refused is written, one line of JSON each; it is in the log in any case:
#   file: /var/log/backupdata/audit.jsonl
audit: {}

# Which other web pages may use the API, and how many proxies stand in front of it.
#api: { cors: [], trustedProxies: 0 }

# gRPC with TLS; with clientAuthority a client needs a certificate too:
#   tls: { certificate: tls.crt, key: tls.key, clientAuthority: clients.crt }
grpc: {}

# How long jobs are locked and how often they are tried again.
queue:
  #lockDuration: 60s
  #stalledInterval: 15s
  #maxStalledCount: 2
  #attempts: 6
  #backoff: { initial: 30s, max: 8m }
  # A worker whose database differs from the producer's waits with the job, then gives it up.
  drift: { retry: 30s, giveUp: 10m }

timeouts:
  connect: 10s
  # A request to a storage that moves no byte for so long is given up, and made again.
  #request: 60s
  # A dump or an upload that moves no byte for so long has failed.
  #noBytes: 30m
  # How long a stopping worker lets its runs go on.
  #drain: 25s

# Programs such as pg_dump and zstd are found on PATH and where they usually are. To search certain folders instead:
#   tools: { path: [/usr/lib/postgresql/17/bin, /usr/bin] }
tools: {}
`;
