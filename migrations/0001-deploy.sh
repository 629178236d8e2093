#!/usr/bin/env bash
# 0001: deploy the program, or upgrade it. Does nothing if the cluster runs this bytecode already.
#
# usage: 0001-deploy.sh [--dry-run] [--url URL] [--program-keypair FILE] [--features devnet]
set -euo pipefail
cd "$(dirname "$0")/.."

dry_run= url=localhost keypair= features=
while (($#)); do
  case $1 in
    --dry-run) dry_run=yes; shift ;;
    --url) url=${2:?--url needs a value}; shift 2 ;;
    --program-keypair) keypair=${2:?--program-keypair needs a value}; shift 2 ;;
    --features) features=${2:?--features needs a value}; shift 2 ;;
    *) echo "0001-deploy: unknown argument '$1'" >&2; exit 1 ;;
  esac
done

declared=$(sed -n 's/^declare_id!("\(.*\)");$/\1/p' programs/deployments/src/lib.rs)
elf=${CARGO_TARGET_DIR:-target}/deploy/deployments.so

step() {
  echo "+ $*"
  [[ -n $dry_run ]] || "$@"
}

# Whether the cluster runs exactly this bytecode; a deployed program may be padded with zeros.
up_to_date() {
  [[ -z $dry_run ]] || return 1
  local dump
  dump=$(mktemp)
  solana program dump --url "$url" "$declared" "$dump" >/dev/null 2>&1 &&
    cmp --silent --bytes "$(stat -c %s "$elf")" "$elf" "$dump"
}

if [[ -z $dry_run ]]; then
  command -v solana >/dev/null || { echo "0001-deploy: the solana command line is not installed" >&2; exit 1; }
  [[ -n $keypair ]] || { echo "0001-deploy: --program-keypair is needed, see migrations/README.md" >&2; exit 1; }
  key=$(solana-keygen pubkey "$keypair")
  [[ $key == "$declared" ]] ||
    { echo "0001-deploy: the key is $key's, but declare_id! says $declared" >&2; exit 1; }
fi

step cargo xtask build-program ${features:+--features "$features"}
if up_to_date; then
  echo "0001-deploy: $declared on $url runs this bytecode already"
  exit 0
fi
step solana program deploy --url "$url" --program-id "${keypair:-KEYPAIR}" "$elf"
step solana program show --url "$url" "$declared"
