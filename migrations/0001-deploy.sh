#!/usr/bin/env bash
# 0001: deploy the program, or upgrade it. Does nothing if the cluster runs this bytecode already. Run
# it again after a failure: what was written to the buffer is not written, or paid for, twice.
#
# usage: 0001-deploy.sh [--dry-run] [--url URL] [--features devnet] [--program-keypair FILE]
#                       [--upgrade-authority FILE] [--with-compute-unit-price MICRO-LAMPORTS]
#                       [--elf FILE --executable-hash HASH]
#
# --elf deploys a verified build: HASH is what `solana-verify get-executable-hash` says of one that
# somebody else made of the same commit. Without it, Agave's own toolchain builds here; on a localnet,
# whatever builds the tests does.
set -euo pipefail
cd "$(dirname "$0")/.."

MAINNET=5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d
DEVNET=EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG

die() {
  echo "0001-deploy: $*" >&2
  exit 1
}

dry_run= url=localhost features= keypair= authority= price= elf= hash=
while (($#)); do
  case $1 in
    --dry-run) dry_run=yes; shift; continue ;;
    --url | --features | --program-keypair | --upgrade-authority | --with-compute-unit-price | --elf | --executable-hash) ;;
    *) die "unknown argument '$1'" ;;
  esac
  (($# > 1)) || die "$1 needs a value"
  case $1 in
    --url) url=$2 ;;
    --features) features=$2 ;;
    --program-keypair) keypair=$2 ;;
    --upgrade-authority) authority=$2 ;;
    --with-compute-unit-price) price=$2 ;;
    --elf) elf=$2 ;;
    --executable-hash) hash=$2 ;;
  esac
  shift 2
done
[[ -z $features || $features == devnet ]] || die "--features '$features' is not valid; use devnet, or leave it out"
[[ -z $price || $price =~ ^[0-9]+$ ]] || die "--with-compute-unit-price '$price' is not a number of micro-lamports"
[[ -n $elf && -n $hash || -z $elf && -z $hash ]] || die "--elf and --executable-hash go together"

declared=$(sed -n 's/^declare_id!("\(.*\)");$/\1/p' programs/deployments/src/lib.rs)

step() {
  echo "+ $*"
  [[ -n $dry_run ]] || "$@"
}

is_local() {
  [[ $url =~ ^(l|localhost|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?/?)$ ]]
}

# The addresses of Nosana's programs are compiled in, so a cluster must get the build that was made
# for it. A name or a URL says little; the genesis hash cannot lie.
require_right_cluster() {
  local genesis
  genesis=$(solana genesis-hash --url "$url") || die "$url cannot be asked for its genesis hash"
  case $genesis in
    "$MAINNET") [[ -z $features ]] || die "$url is mainnet; leave --features out" ;;
    "$DEVNET") [[ $features == devnet ]] || die "$url is devnet; add --features devnet" ;;
    *) is_local || die "$url is neither mainnet nor devnet (its genesis hash is $genesis), and Nosana is nowhere else" ;;
  esac
  [[ $genesis != "$MAINNET" && $genesis != "$DEVNET" ]] || shared=yes
}

# Sets is_deployed. "Not there" is an answer; no answer is a reason to stop.
find_program() {
  local said
  if said=$(solana program show --url "$url" "$declared" 2>&1); then
    is_deployed=yes
  elif [[ $said == *"Unable to find the account"* ]]; then
    is_deployed=
  else
    die "$url cannot be asked for $declared: $said"
  fi
}

build() {
  if [[ -n $elf ]]; then
    local found
    step solana-verify get-executable-hash "$elf"
    [[ -n $dry_run ]] && return
    found=$(solana-verify get-executable-hash "$elf")
    [[ $found == "$hash" ]] || die "$elf has the executable hash $found, not $hash"
    return
  fi
  # The toolchain of registry packages serves tests: nobody else could verify what it built.
  step cargo xtask build-program ${features:+--features "$features"} ${shared:+--agave}
  elf=${CARGO_TARGET_DIR:-target}/deploy/deployments.so
}

# Whether the cluster runs exactly this bytecode; a deployed program may be padded with zeros.
is_up_to_date() {
  [[ -n $is_deployed ]] || return 1
  local dump
  dump=$(mktemp)
  solana program dump --url "$url" "$declared" "$dump" >/dev/null ||
    die "$url does not give $declared's bytecode; nothing was deployed"
  cmp --silent --bytes "$(stat -c %s "$elf")" "$elf" "$dump"
}

# A buffer of this bytecode's own, whose key survives a failure: the next run goes on where it ended.
make_buffer() {
  local state=${XDG_STATE_HOME:-$HOME/.local/state}/nosana-deploy
  buffer=$state/buffer-$(sha256sum "$elf" | cut -c1-16).json
  [[ ! -e $buffer ]] || { echo "going on with the buffer of $buffer"; return 0; }
  (umask 077 && mkdir -p "$state")
  solana-keygen new --silent --no-bip39-passphrase --outfile "$buffer" >/dev/null
}

shared= is_deployed= buffer=BUFFER
if [[ -z $dry_run ]]; then
  for command in solana solana-keygen; do
    command -v $command >/dev/null || die "the solana command line is not installed"
  done
  require_right_cluster
  find_program
  if [[ -z $is_deployed ]]; then
    [[ -n $keypair ]] || die "--program-keypair is needed for the first deployment, see migrations/README.md"
    key=$(solana-keygen pubkey "$keypair")
    [[ $key == "$declared" ]] || die "the key is $key's, but declare_id! says $declared"
  fi
elif ! is_local; then
  shared=yes
fi

build
if [[ -z $dry_run ]]; then
  if is_up_to_date; then
    echo "0001-deploy: $declared on $url runs this bytecode already"
    exit 0
  fi
  make_buffer
fi
program=$declared # an upgrade needs no key of the program's
[[ -n $is_deployed ]] || program=${keypair:-KEYPAIR}
step solana program deploy --url "$url" --program-id "$program" --buffer "$buffer" \
  ${authority:+--upgrade-authority "$authority"} ${price:+--with-compute-unit-price "$price"} "$elf"
[[ -n $dry_run ]] || rm -- "$buffer"
step solana program show --url "$url" "$declared"
