//! From instructions to a transaction: signed here, elsewhere or by several, simulated, sent.

mod dry_run;
mod offline;
mod owned;

use crate::{
    context::Context,
    definitions,
    exit::invalid,
    ipfs::Ipfs,
    output::Facts,
    wallet::{Presigned, Signers},
};
use anyhow::{anyhow, Context as _, Result};
use clap::Args;
use dry_run::{DryRun, Preview};
use nosana_deploy_client::{
    definition::Definition,
    instructions::Vault,
    rpc::{Receipt, Simulation},
    transaction::{assemble, compute_unit_limit, priority_fee, Budget, Lifetime},
};
use offline::SignedOffline;
pub(crate) use owned::Owned;
use solana_hash::Hash;
use solana_message::VersionedMessage;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::{
    io::{BufRead, IsTerminal, Write},
    str::FromStr,
};

/// How a transaction is paid, signed and sent; as `solana` has it.
#[derive(Args, Clone)]
pub(crate) struct TransactionOptions {
    /// Who pays the fee, as --keypair [default: the wallet]
    #[arg(long, value_name = "KEYPAIR", help_heading = HEADING)]
    fee_payer: Option<String>,
    /// Priority fee in micro-lamports per compute unit, or `auto`: what three of four recent
    /// transactions paid, at most --max-compute-unit-price
    #[arg(long, value_name = "PRICE", help_heading = HEADING)]
    with_compute_unit_price: Option<UnitPrice>,
    /// Most that `--with-compute-unit-price auto` pays, in micro-lamports per compute unit
    #[arg(long, value_name = "PRICE", default_value_t = 100_000, help_heading = HEADING)]
    max_compute_unit_price: u64,
    /// Most compute units [default: what a simulation used and a tenth more]
    #[arg(long, value_name = "UNITS", help_heading = HEADING)]
    with_compute_unit_limit: Option<u32>,
    /// Sign the transaction offline and print the signatures; needs --blockhash
    #[arg(long, requires = "blockhash", help_heading = HEADING)]
    sign_only: bool,
    /// Use this blockhash, or the nonce's value with --nonce. The transaction is then made of the
    /// command line alone, so that every signer makes the same one
    #[arg(long, value_name = "BLOCKHASH", help_heading = HEADING)]
    blockhash: Option<Hash>,
    /// A signature made elsewhere
    #[arg(long, value_name = "PUBKEY=SIGNATURE", requires = "blockhash", help_heading = HEADING)]
    signer: Vec<Presigned>,
    /// A nonce account, so that the transaction does not expire
    #[arg(long, value_name = "PUBKEY", help_heading = HEADING)]
    nonce: Option<Pubkey>,
    /// Who may use the nonce, as --keypair [default: the wallet]
    #[arg(long, value_name = "KEYPAIR", requires = "nonce", help_heading = HEADING)]
    nonce_authority: Option<String>,
    /// Also print the message that is signed, in base64, for multisigs
    #[arg(long, requires = "sign_only", help_heading = HEADING)]
    dump_transaction_message: bool,
    /// Simulate, show every balance that would change, and sign nothing
    #[arg(long, conflicts_with = "sign_only", help_heading = HEADING)]
    dry_run: bool,
    /// Answer every question with yes
    #[arg(short, long, help_heading = HEADING)]
    yes: bool,
}

const HEADING: &str = "Transaction options";

/// A priority fee.
#[derive(Clone, Copy, Debug)]
enum UnitPrice {
    Auto,
    MicroLamports(u64),
}

impl FromStr for UnitPrice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number
                .parse()
                .map(Self::MicroLamports)
                .map_err(|_| "use a whole number of micro-lamports, or auto".into()),
        }
    }
}

/// What a command wants done.
#[derive(Default)]
pub(crate) struct TransactionPlan {
    pub(crate) instructions: Vec<Instruction>,
    /// Asked before anything is signed.
    pub(crate) question: String,
    /// What is agreed to besides what a simulation shows: prices, limits, what a vault holds.
    pub(crate) terms: Facts,
    /// What the result says besides the signature.
    pub(crate) facts: Facts,
    /// What the jobs run, if the plan changes that: kept on this machine once the question is answered with
    /// yes, and published there.
    definition: Option<Definition>,
    /// What the definition is a stub of, kept on this machine and published nowhere.
    pub(crate) secret: Option<Definition>,
    pin: Option<Ipfs>,
    /// Names of accounts, for the dry run.
    pub(crate) names: Vec<(Pubkey, String)>,
}

impl TransactionPlan {
    pub(crate) fn ask(mut self, question: impl Into<String>) -> Self {
        self.question = question.into();
        self
    }

    /// Has a definition published once the question is answered, and says so; or that nobody will find it.
    pub(crate) fn publish(&mut self, definition: Definition, pin: Option<Ipfs>) {
        let host = pin.as_ref().map(Ipfs::host);
        let shown = host.clone().unwrap_or_else(|| {
            let cid = definition.cid();
            format!("nowhere: until somebody pins {cid}, no node finds it; --ipfs-api does")
        });
        self.terms.add("Published", shown, "published_at", host);
        (self.definition, self.pin) = (Some(definition), pin);
    }

    pub(crate) fn name(mut self, key: Pubkey, name: impl Into<String>) -> Self {
        self.names.push((key, name.into()));
        self
    }

    pub(crate) fn name_vault(self, vault: &Vault) -> Self {
        let index = vault.index;
        self.name(vault.address, format!("vault {index}"))
            .name(vault.nos, format!("vault {index}'s NOS"))
    }
}

impl TransactionOptions {
    /// The same, for what follows from something that was agreed to.
    pub(crate) fn agreed(&self) -> Self {
        Self {
            yes: true,
            ..self.clone()
        }
    }

    /// Whether nothing is to be sent.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Refuses what only a transaction of the command line alone can be.
    ///
    /// # Errors
    /// With `--blockhash`: which `command` to use instead.
    pub(crate) fn require_online(&self, instead: &str) -> Result<()> {
        match self.is_offline() {
            true => Err(invalid(format!(
                "--blockhash: what is sent here depends on the cluster; use {instead} instead"
            ))),
            false => Ok(()),
        }
    }

    /// Whether the transaction is made of the command line alone.
    pub(crate) fn is_offline(&self) -> bool {
        self.blockhash.is_some()
    }

    pub(crate) fn signers(&self) -> Result<Signers> {
        // A dry run needs no signature.
        Signers::new(self.sign_only || self.dry_run, &self.signer)
    }

    /// Submits what the wallet sends to one of its deployments. Online, the deployment is read first: it
    /// must be the wallet's. `prepare` gets the owner, and what was read.
    pub(crate) fn submit_to(
        &self,
        context: &Context,
        deployment: &Pubkey,
        prepare: impl FnOnce(&mut TransactionPlan, &Pubkey, Option<&Owned>) -> Result<Instruction>,
    ) -> Result<()> {
        let signers = self.signers()?;
        let wallet = context.wallet(&signers)?;
        let owner = wallet.pubkey();
        let found = match self.is_offline() {
            true => None,
            false => Some(context.block_on(Owned::read(context, deployment, &owner))?),
        };
        let mut plan = TransactionPlan::default().name(*deployment, "deployment");
        plan.facts.text("Deployment", "deployment", deployment);
        if let Some(found) = &found {
            let header = &found.deployment.header;
            plan = plan.name_vault(&Vault::new(owner, header.vault_index));
        }
        let instruction = prepare(&mut plan, &owner, found.as_ref())?;
        plan.instructions.push(instruction);
        self.submit(context, &signers, wallet.as_ref(), plan)
    }

    /// Signs and sends what the plan asks for, or what the options make of that. Nothing leaves this
    /// machine but questions to the cluster before what it does was shown and agreed to.
    pub(crate) fn submit(
        &self,
        context: &Context,
        signers: &Signers,
        wallet: &dyn Signer,
        plan: TransactionPlan,
    ) -> Result<()> {
        match self.transact(context, signers, wallet, plan)? {
            Some(facts) => context.output.print(&facts),
            None => Ok(()),
        }
    }

    /// As [`Self::submit`]; the result is the caller's to print. `None` if nothing was sent: what was asked
    /// for instead is printed.
    pub(crate) fn transact(
        &self,
        context: &Context,
        signers: &Signers,
        wallet: &dyn Signer,
        plan: TransactionPlan,
    ) -> Result<Option<Facts>> {
        let fee_payer = self.signer_or(signers, self.fee_payer.as_deref(), "fee-payer")?;
        let fee_payer = fee_payer.as_deref().unwrap_or(wallet);
        let authority =
            self.signer_or(signers, self.nonce_authority.as_deref(), "nonce-authority")?;
        let authority = authority.as_deref().unwrap_or(wallet);
        context.block_on(async {
            let draft = Draft {
                fee_payer: fee_payer.pubkey(),
                instructions: &plan.instructions,
                lifetime: self.lifetime(context, &authority.pubkey()).await?,
            };
            let (budget, simulation) = self.simulate(context, &draft).await?;
            let preview = Preview {
                simulation: simulation.as_ref(),
                plan: &plan,
                wallet: wallet.pubkey(),
                fee_payer: fee_payer.pubkey(),
                priority_fee_lamports: budget.priority_fee_lamports(),
            };
            if self.dry_run {
                return context.output.print(&DryRun(preview)).map(|()| None);
            }
            if !self.sign_only {
                self.confirm(&preview)?;
            }
            // Before a blockhash that does not live long; after signatures that were made for a given one.
            let is_given = draft.lifetime.is_some();
            if !is_given {
                publish(&plan).await?;
            }
            let (message, lifetime) = draft.finished(context, &budget).await?;
            let signed = sign(message, &[fee_payer, authority, wallet])?;
            if self.sign_only {
                let signed = SignedOffline {
                    transaction: &signed,
                    facts: &plan.facts,
                    with_message: self.dump_transaction_message,
                };
                return context.output.print(&signed).map(|()| None);
            }
            signed.verify_and_hash_message().map_err(|_| {
                invalid("a signature is missing or does not fit; sign the same command with the same --blockhash")
            })?;
            if is_given {
                publish(&plan).await?;
            }
            let receipt = send(context, &signed, lifetime).await?;
            let mut facts = plan.facts;
            facts.text("Signature", "signature", receipt.signature);
            facts.add("", "", "slot", receipt.slot);
            Ok(Some(facts))
        })
    }

    /// The compute budget, and what the transaction would do. Offline that is not known, except to a dry
    /// run.
    async fn simulate(
        &self,
        context: &Context,
        draft: &Draft<'_>,
    ) -> Result<(Budget, Option<Simulation>)> {
        if self.is_offline() && !self.dry_run {
            return Ok((self.fixed_budget(), None));
        }
        let _spinner = context.output.spinner("simulating");
        let message = draft.assembled(&self.fixed_budget(), draft.simulated())?;
        let mut budget = self.priced_budget(context, &message).await?;
        let message = draft.assembled(&budget, draft.simulated())?;
        let simulation = context
            .cluster
            .simulate(&message, draft.simulated())
            .await?;
        let limit = compute_unit_limit(simulation.compute_units);
        budget.compute_unit_limit = budget.compute_unit_limit.or(Some(limit));
        Ok((budget, Some(simulation)))
    }

    fn signer_or(
        &self,
        signers: &Signers,
        uri: Option<&str>,
        role: &str,
    ) -> Result<Option<Box<dyn Signer>>> {
        uri.map(|uri| signers.find(uri, role)).transpose()
    }

    fn fixed_budget(&self) -> Budget {
        Budget {
            compute_unit_limit: self.with_compute_unit_limit,
            compute_unit_price_micro_lamports: match self.with_compute_unit_price {
                Some(UnitPrice::MicroLamports(price)) => Some(price),
                _ => None,
            },
        }
    }

    async fn priced_budget(&self, context: &Context, message: &VersionedMessage) -> Result<Budget> {
        let mut budget = self.fixed_budget();
        if let Some(UnitPrice::Auto) = self.with_compute_unit_price {
            let keys = message.static_account_keys();
            let recent = context.cluster.recent_fees(keys).await?;
            let price = priority_fee(&recent, self.max_compute_unit_price);
            budget.compute_unit_price_micro_lamports = Some(price);
        }
        Ok(budget)
    }

    /// What bounds the transaction's life; `None` for the latest blockhash when it is signed.
    async fn lifetime(&self, context: &Context, authority: &Pubkey) -> Result<Option<Lifetime>> {
        if let (true, Some(UnitPrice::Auto)) = (self.is_offline(), self.with_compute_unit_price) {
            return Err(invalid("--with-compute-unit-price: use a number with --blockhash, so that every signer makes the same transaction"));
        }
        let Some(account) = self.nonce else {
            return Ok(self.blockhash.map(Lifetime::Blockhash));
        };
        let nonce = match self.blockhash {
            Some(value) => value,
            None => context.cluster.nonce(&account).await?,
        };
        let authority = *authority;
        Ok(Some(Lifetime::Nonce {
            account,
            authority,
            nonce,
        }))
    }

    /// Shows what would be signed, and asks.
    fn confirm(&self, preview: &Preview) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        let question = &preview.plan.question;
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(invalid(format!(
                "{question} No one is there to answer; confirm with --yes"
            )));
        }
        let mut out = anstream::stderr();
        write!(out, "{preview}{question} [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(anyhow!("not confirmed; nothing was sent")),
        }
    }
}

/// A transaction before its compute budget and its blockhash are known.
struct Draft<'a> {
    fee_payer: Pubkey,
    instructions: &'a [Instruction],
    /// `None` for the latest blockhash when it is signed: it lives for a minute at most.
    lifetime: Option<Lifetime>,
}

impl Draft<'_> {
    /// A simulation replaces the blockhash.
    fn simulated(&self) -> Lifetime {
        self.lifetime
            .unwrap_or(Lifetime::Blockhash(Hash::default()))
    }

    fn assembled(&self, budget: &Budget, lifetime: Lifetime) -> Result<VersionedMessage> {
        let message = assemble(&self.fee_payer, self.instructions, &[], budget, lifetime);
        Ok(message?)
    }

    /// Ready to be signed. The blockhash is asked for now, after whatever time an answer took.
    async fn finished(
        &self,
        context: &Context,
        budget: &Budget,
    ) -> Result<(VersionedMessage, Lifetime)> {
        let lifetime = match self.lifetime {
            Some(lifetime) => lifetime,
            None => Lifetime::Blockhash(context.cluster.latest_blockhash().await?.0),
        };
        Ok((self.assembled(budget, lifetime)?, lifetime))
    }
}

/// Keeps and pins what the transaction names, so that later commands and nodes find it.
async fn publish(plan: &TransactionPlan) -> Result<()> {
    let Some(definition) = &plan.definition else {
        return Ok(());
    };
    // Nowhere else: without it, no node would ever run the stub's jobs.
    plan.secret.iter().try_for_each(definitions::keep)?;
    definitions::keep_copy(definition);
    match &plan.pin {
        Some(ipfs) => ipfs.pin(definition).await,
        None => Ok(()),
    }
}

/// Sends a signed transaction and waits for it. Its name is told first, so that whoever interrupts the
/// wait can look it up.
async fn send(
    context: &Context,
    signed: &VersionedTransaction,
    lifetime: Lifetime,
) -> Result<Receipt> {
    if let Some(signature) = signed.signatures.first() {
        // Whether anybody reads it changes nothing.
        let _ = writeln!(std::io::stderr(), "sending transaction {signature}");
    }
    let _spinner = context.output.spinner("waiting for confirmation");
    Ok(context.cluster.send(signed, lifetime).await?)
}

/// Signs with every one of `signers` that the message needs; the other signatures stay absent.
fn sign(message: VersionedMessage, signers: &[&dyn Signer]) -> Result<VersionedTransaction> {
    let bytes = message.serialize();
    let required = usize::from(message.header().num_required_signatures);
    let keys = message.static_account_keys().iter().take(required);
    let signatures = keys.map(|key| {
        let signer = signers.iter().find(|signer| signer.pubkey() == *key);
        let signature = signer.map_or(Ok(Signature::default()), |signer| {
            signer.try_sign_message(&bytes)
        });
        signature.map_err(|error| {
            invalid(format!(
                "{key} cannot sign: {error}; sign the same command with the same --blockhash"
            ))
        })
    });
    let signatures = signatures.collect::<Result<Vec<_>>>().context("signing")?;
    Ok(VersionedTransaction {
        signatures,
        message,
    })
}
