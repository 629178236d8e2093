//! What the builder does not see: addresses are derived by hand, so it knows neither their seeds nor an
//! account that no instruction declares.

use crate::source::{comment, state, state_struct};
use anchor_lang_idl::types::{
    Idl, IdlAccount, IdlArrayLen, IdlConst, IdlDefinedFields, IdlField, IdlInstructionAccount,
    IdlInstructionAccountItem, IdlPda, IdlSeed, IdlSeedAccount, IdlSeedArg, IdlSeedConst, IdlType,
    IdlTypeDef, IdlTypeDefTy,
};
use anyhow::{bail, Context, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use syn::{Expr, Fields, Item, Lit, Type};

/// The program of associated token accounts.
const ASSOCIATED_TOKEN: &str = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";

/// Accounts that a caller chooses, or that follow from what it has read.
const GIVEN: [&str; 7] = [
    "deployment",
    "market",
    "node_nos",
    "owner",
    "revision",
    "run",
    "run_payer",
];

/// Adds the Owner account, the seeds and the hints.
///
/// # Errors
/// An account has neither an address nor a hint, and is none that a caller chooses.
pub(super) fn complete(idl: &mut Idl) -> Result<()> {
    add_owner(idl)?;
    let seeds = Seeds::read(idl)?;
    idl.constants = seeds.constants();
    for instruction in &mut idl.instructions {
        let name = instruction.name.clone();
        for item in &mut instruction.accounts {
            seeds.hint(&name, item)?;
        }
    }
    Ok(())
}

fn add_owner(idl: &mut Idl) -> Result<()> {
    const NAME: &str = "Owner";
    let item = state_struct(NAME, "owner.rs")?;
    let Fields::Named(fields) = &item.fields else {
        bail!("{NAME} has no named fields");
    };
    let fields = fields.named.iter().map(|field| {
        let name = field.ident.as_ref().context("a field without a name")?;
        Ok(IdlField {
            name: name.to_string(),
            docs: vec![comment(&field.attrs)],
            ty: kind(&field.ty)?,
        })
    });
    let fields: Vec<IdlField> = fields.collect::<Result<_>>()?;
    let hash = Sha256::digest(format!("account:{NAME}"));
    idl.accounts.push(IdlAccount {
        name: NAME.into(),
        discriminator: hash.iter().take(8).copied().collect(),
    });
    idl.accounts.sort_by(|a, b| a.name.cmp(&b.name));
    idl.types.push(IdlTypeDef {
        name: NAME.into(),
        docs: vec![comment(&item.attrs)],
        serialization: Default::default(),
        repr: None,
        generics: Vec::new(),
        ty: IdlTypeDefTy::Struct {
            fields: Some(IdlDefinedFields::Named(fields)),
        },
    });
    idl.types.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

fn kind(of: &Type) -> Result<IdlType> {
    Ok(match of {
        Type::Path(path) if path.path.is_ident("u8") => IdlType::U8,
        Type::Path(path) if path.path.is_ident("u64") => IdlType::U64,
        Type::Path(path) if path.path.is_ident("Pubkey") => IdlType::Pubkey,
        Type::Array(array) => match &array.len {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(count) => {
                    let count = IdlArrayLen::Value(count.base10_parse()?);
                    IdlType::Array(Box::new(kind(&array.elem)?), count)
                }
                _ => bail!("an array of unknown length"),
            },
            _ => bail!("an array of unknown length"),
        },
        _ => bail!("a type that the IDL's Owner has no word for"),
    })
}

/// The seeds in code, and the addresses that hints name.
struct Seeds {
    /// Name, bytes and comment of each.
    all: BTreeMap<String, (Vec<u8>, String)>,
    mint: Vec<u8>,
    token_program: Vec<u8>,
    jobs_program: Vec<u8>,
}

impl Seeds {
    fn read(idl: &Idl) -> Result<Self> {
        let items = state("seeds.rs")?.items.into_iter();
        let all = items.filter_map(|item| match item {
            Item::Const(item) => {
                let bytes = match *item.expr {
                    Expr::Lit(literal) => match literal.lit {
                        Lit::ByteStr(bytes) => bytes.value(),
                        _ => return None,
                    },
                    _ => return None,
                };
                let is_public = matches!(item.vis, syn::Visibility::Public(_));
                let named = (item.ident.to_string(), (bytes, comment(&item.attrs)));
                is_public.then_some(named)
            }
            _ => None,
        });
        let address = |name: &str| {
            let found = find_address(idl, name);
            let found = found.with_context(|| format!("no instruction names {name}"))?;
            address_bytes(&found)
        };
        Ok(Self {
            all: all.collect(),
            mint: address("nos_mint")?,
            token_program: address("token_program")?,
            jobs_program: address("jobs_program")?,
        })
    }

    fn constants(&self) -> Vec<IdlConst> {
        let each = self.all.iter().map(|(name, (bytes, docs))| IdlConst {
            name: format!("{name}_SEED"),
            docs: vec![docs.clone()],
            ty: IdlType::Bytes,
            value: format!("{bytes:?}"),
        });
        each.collect()
    }

    fn hint(&self, instruction: &str, item: &mut IdlInstructionAccountItem) -> Result<()> {
        let account = match item {
            IdlInstructionAccountItem::Composite(group) => {
                let mut items = group.accounts.iter_mut();
                return items.try_for_each(|item| self.hint(instruction, item));
            }
            IdlInstructionAccountItem::Single(account) => account,
        };
        account.pda = self.pda(instruction, &account.name)?;
        match needs_hint(account) {
            true => bail!(
                "{instruction}: {} has neither an address nor a hint; add its seeds to xtask/src/idl/complete.rs",
                account.name
            ),
            false => Ok(()),
        }
    }

    fn pda(&self, instruction: &str, name: &str) -> Result<Option<IdlPda>> {
        let own = |seeds| {
            Ok(Some(IdlPda {
                seeds,
                program: None,
            }))
        };
        match (instruction, name) {
            (_, "event_authority") => own(vec![constant(b"__event_authority")]),
            ("create", "owner_account") => own(vec![self.seed("OWNER")?, account("owner")]),
            ("create", "deployment") => own(vec![
                self.seed("DEPLOYMENT")?,
                account("owner"),
                arg("args.id"),
            ]),
            ("create" | "fund" | "withdraw", "vault") => own(vec![
                self.seed("VAULT")?,
                account("owner"),
                arg("args.vault_index"),
            ]),
            ("clean_jobs" | "reclaim_job", "vault") => own(vec![
                self.seed("VAULT")?,
                arg("args.owner"),
                arg("args.vault_index"),
            ]),
            (_, "vault") => own(vec![
                self.seed("VAULT")?,
                field("deployment.owner"),
                field("deployment.vault_index"),
            ]),
            ("add_revision", "revision") => own(vec![
                self.seed("REVISION")?,
                account("deployment"),
                arg("args.number"),
            ]),
            ("write_off", "job") => {
                own(vec![self.seed("JOB")?, account("deployment"), arg("index")])
            }
            ("reclaim_job", "job") => own(vec![
                self.seed("JOB")?,
                account("deployment"),
                arg("args.index"),
            ]),
            (_, "market_vault") => Ok(Some(IdlPda {
                seeds: vec![account("market"), constant(&self.mint)],
                program: Some(constant(&self.jobs_program)),
            })),
            (_, "vault_nos") => self.token_account_of("vault"),
            ("fund", "funder_nos") => self.token_account_of("funder"),
            ("withdraw", "owner_nos") => self.token_account_of("owner"),
            _ => Ok(None),
        }
    }

    fn seed(&self, name: &str) -> Result<IdlSeed> {
        let found = self.all.get(name);
        let (bytes, _) = found.with_context(|| format!("seeds.rs has no {name}"))?;
        Ok(constant(bytes))
    }

    fn token_account_of(&self, owner: &str) -> Result<Option<IdlPda>> {
        Ok(Some(IdlPda {
            seeds: vec![
                account(owner),
                constant(&self.token_program),
                constant(&self.mint),
            ],
            program: Some(constant(&address_bytes(ASSOCIATED_TOKEN)?)),
        }))
    }
}

fn needs_hint(account: &IdlInstructionAccount) -> bool {
    let is_known = account.signer || account.address.is_some() || account.pda.is_some();
    !is_known && !GIVEN.contains(&account.name.as_str())
}

fn constant(bytes: &[u8]) -> IdlSeed {
    IdlSeed::Const(IdlSeedConst {
        value: bytes.to_vec(),
    })
}

fn account(path: &str) -> IdlSeed {
    IdlSeed::Account(IdlSeedAccount {
        path: path.into(),
        account: None,
    })
}

/// A field of a Deployment account.
fn field(path: &str) -> IdlSeed {
    IdlSeed::Account(IdlSeedAccount {
        path: path.into(),
        account: Some("Deployment".into()),
    })
}

fn arg(path: &str) -> IdlSeed {
    IdlSeed::Arg(IdlSeedArg { path: path.into() })
}

fn address_bytes(address: &str) -> Result<Vec<u8>> {
    bs58::decode(address)
        .into_vec()
        .with_context(|| format!("{address} is no address"))
}

/// The address of an account that some instruction pins.
fn find_address(idl: &Idl, name: &str) -> Option<String> {
    fn among(items: &[IdlInstructionAccountItem], name: &str) -> Option<String> {
        items.iter().find_map(|item| match item {
            IdlInstructionAccountItem::Composite(group) => among(&group.accounts, name),
            IdlInstructionAccountItem::Single(account) if account.name == name => {
                account.address.clone()
            }
            IdlInstructionAccountItem::Single(_) => None,
        })
    }
    let mut instructions = idl.instructions.iter();
    instructions.find_map(|instruction| among(&instruction.accounts, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_nothing_tells_the_address_of_is_a_mistake() {
        let account = |name: &str| IdlInstructionAccount {
            name: name.into(),
            docs: Vec::new(),
            writable: false,
            signer: false,
            optional: false,
            address: None,
            pda: None,
            relations: Vec::new(),
        };
        assert!(needs_hint(&account("something_new")));
        assert!(!needs_hint(&account("market")), "its caller chooses it");
        let signer = IdlInstructionAccount {
            signer: true,
            ..account("keeper")
        };
        assert!(!needs_hint(&signer));
    }
}
