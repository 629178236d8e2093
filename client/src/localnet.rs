//! A validator inside this process, with real JSON-RPC and WebSocket ports, that needs no network.
//! Accounts can be put anywhere, so the market has the address that a deployment names, and the NOS mint
//! has its real one. With feature `embedded`, for demos and tests.

use crate::PROGRAM_ID;
use anchor_lang::{
    solana_program::{program_option::COption, program_pack::Pack},
    AccountSerialize,
};
use anchor_spl::token::{
    self,
    spl_token::state::{Account as TokenAccount, AccountState, Mint},
};
use nosana_jobs_interface::{
    account::{MARKET_SIZE, QUEUE_EMPTY},
    find_market_vault, nos_account_address, JOBS_PROGRAM, NOS_DECIMALS, NOS_MINT,
};
use nosana_jobs_localnet::state::MarketAccount;
use solana_account::from_account;
use solana_program::{clock::Clock, pubkey::Pubkey, rent::Rent, sysvar};
use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};
use surfpool_sdk::{
    cheatcodes::builders::{DeployProgram, SetAccount},
    BlockProductionMode, Surfnet, SurfnetError,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::oneshot,
};

/// NOS base units in existence: a hundred million NOS.
const SUPPLY: u64 = 100_000_000_000_000;
/// Seconds after which anyone may clean a finished job.
pub const JOB_EXPIRATION_SECONDS: i64 = 86_400;

/// Why the validator refused a request.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LocalnetError {
    /// The programs' bytecode cannot be read.
    #[error("{path}: {error}; run `cargo xtask build-program` first")]
    Bytecode {
        /// Where it should be.
        path: PathBuf,
        /// What the file system said.
        error: std::io::Error,
    },
    /// The validator refused.
    #[error(transparent)]
    Surfnet(#[from] SurfnetError),
    /// The validator started three times, and never answered.
    #[error("the validator does not answer; see what keeps this machine busy, then try again")]
    Silent,
    /// An account's state does not fit into its data.
    #[error("the account of {0} cannot be written")]
    Unwritable(Pubkey),
    /// The validator does not say what time it is.
    #[error("the clock cannot be read: {0}")]
    Clock(String),
    /// A time before 1970.
    #[error("{0} is not a time that a cluster can have")]
    Time(i64),
}

type Result<T> = std::result::Result<T, LocalnetError>;

/// The programs' bytecode.
pub struct Programs {
    deployments: Vec<u8>,
    jobs: Vec<u8>,
}

impl Programs {
    /// Reads both ELFs.
    ///
    /// # Errors
    /// If one is not there, with what to run.
    pub fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| LocalnetError::Bytecode { path, error })
        };
        Ok(Self {
            deployments: read("deployments.so")?,
            jobs: read("nosana_jobs_localnet.so")?,
        })
    }
}

/// Between two slots. Short, so that confirmations come soon.
const SLOT_MS: u64 = 100;
/// The last part of a journey in time, which goes to a time instead of a slot.
const LAST_BY_TIME_MS: u64 = 3_000;
/// Where tools look for a localnet's JSON-RPC and its subscriptions.
const USUAL_PORTS: [u16; 2] = [8899, 8900];
/// Pairs of ports that are tried, from the usual one on.
const PORTS_TRIED: u16 = 50;

/// The running validator; it stops when this is dropped.
pub struct Localnet {
    surfnet: Surfnet,
    /// Where it answers JSON-RPC and subscriptions.
    urls: [String; 2],
}

impl Localnet {
    /// Starts the validator, loads the programs and makes the NOS mint.
    ///
    /// # Errors
    /// If the validator does not start.
    pub async fn start(programs: Programs) -> Result<Self> {
        let surfnet = started().await?;
        ignore_events(&surfnet);
        let cheats = surfnet.cheatcodes();
        cheats.deploy(DeployProgram::new(PROGRAM_ID).so_bytes(programs.deployments))?;
        cheats.deploy(DeployProgram::new(JOBS_PROGRAM).so_bytes(programs.jobs))?;
        let urls = [surfnet.rpc_url(), surfnet.ws_url()].map(str::to_owned);
        let localnet = Self { surfnet, urls };
        let mint = Mint {
            mint_authority: COption::None,
            supply: SUPPLY,
            decimals: NOS_DECIMALS,
            is_initialized: true,
            freeze_authority: COption::None,
        };
        localnet.place(&NOS_MINT, token::ID, pack(mint))?;
        Ok(localnet)
    }

    /// Answers at ports 8899 and 8900 as well, where `--url localhost` looks, or at the next two that are
    /// free. The validator itself takes any that are.
    pub async fn take_usual_ports(&mut self) {
        for pair in 0..PORTS_TRIED {
            let ports = USUAL_PORTS.map(|port| port + 2 * pair);
            let [rpc, ws] = ports.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
            if let (Ok(rpc), Ok(ws)) = tokio::join!(rpc, ws) {
                self.answer_at([rpc, ws], ports);
                return;
            }
        }
    }

    fn answer_at(&mut self, listeners: [TcpListener; 2], ports: [u16; 2]) {
        for ((listener, url), port) in listeners.into_iter().zip(&mut self.urls).zip(ports) {
            let Some((place, own_port)) = url.rsplit_once(':') else {
                continue;
            };
            let Ok(own_port) = own_port.parse() else {
                continue;
            };
            tokio::spawn(forward(listener, own_port));
            *url = format!("{place}:{port}");
        }
    }

    /// Where it answers JSON-RPC.
    pub fn rpc_url(&self) -> &str {
        let [rpc, _] = &self.urls;
        rpc
    }

    /// Where it answers subscriptions.
    pub fn ws_url(&self) -> &str {
        let [_, ws] = &self.urls;
        ws
    }

    /// The validator itself.
    pub fn surfnet(&self) -> &Surfnet {
        &self.surfnet
    }

    /// Gives a wallet lamports, and a token account with NOS base units.
    ///
    /// # Errors
    /// If the validator refuses.
    pub fn fund(&self, wallet: &Pubkey, lamports: u64, nos: u64) -> Result<()> {
        self.surfnet.cheatcodes().fund_sol(wallet, lamports)?;
        let account = nos_account_address(wallet);
        self.place(&account, token::ID, token_account(*wallet, nos))
    }

    /// Makes a market whose queue is empty, with its vault, or changes an empty one's price.
    ///
    /// # Errors
    /// If the validator refuses.
    pub fn open_market(
        &self,
        market: &Pubkey,
        authority: &Pubkey,
        price_per_second: u64,
    ) -> Result<()> {
        let (vault, vault_bump) = find_market_vault(market);
        self.place(&vault, token::ID, token_account(vault, 0))?;
        let mut data = vec![0; MARKET_SIZE];
        let state = MarketAccount {
            authority: *authority,
            job_expiration: JOB_EXPIRATION_SECONDS,
            job_price: price_per_second,
            job_timeout: 7_200,
            job_type: 0,
            vault,
            vault_bump,
            node_access_key: Pubkey::default(),
            node_xnos_minimum: 0,
            queue_type: QUEUE_EMPTY,
            queue: Vec::new(),
        };
        state
            .try_serialize(&mut &mut data[..])
            .map_err(|_| LocalnetError::Unwritable(*market))?;
        self.place(market, JOBS_PROGRAM, data)
    }

    /// Puts a rent-exempt account anywhere.
    ///
    /// # Errors
    /// If the validator refuses.
    pub fn place(&self, key: &Pubkey, owner: Pubkey, data: Vec<u8>) -> Result<()> {
        let lamports = Rent::default().minimum_balance(data.len());
        let account = SetAccount::new(*key)
            .lamports(lamports)
            .owner(owner)
            .data(data);
        Ok(self.surfnet.cheatcodes().execute(account)?)
    }

    /// Moves the clock forward to `unix_seconds`.
    ///
    /// # Errors
    /// If that is in the past.
    pub fn travel(&self, unix_seconds: i64) -> Result<()> {
        let milliseconds = |seconds: i64| -> Result<u64> {
            let seconds = u64::try_from(seconds).map_err(|_| LocalnetError::Time(seconds))?;
            Ok(seconds.saturating_mul(1_000))
        };
        let target = milliseconds(unix_seconds)?;
        let cheats = self.surfnet.cheatcodes();
        // Going to a time across an epoch's end makes the validator count slots from the wrong epoch, and
        // die of a slot that comes before another. Going to a slot does not; the last seconds are by time.
        let (slot, now) = self.slot_and_time()?;
        let left = target.saturating_sub(milliseconds(now)?);
        let slots = left.saturating_sub(LAST_BY_TIME_MS) / SLOT_MS;
        if slots > 0 {
            cheats.time_travel_to_slot(slot.saturating_add(slots))?;
        }
        cheats.time_travel_to_timestamp(target)?;
        Ok(())
    }
}

/// A validator that answers. It chooses its ports, and takes them a moment later: if somebody was faster, it
/// waits for itself for ever, so it is given up and another one is started.
async fn started() -> Result<Surfnet> {
    const PATIENCE: Duration = Duration::from_secs(30);
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        let (sender, receiver) = oneshot::channel();
        let runtime = Handle::current();
        // Its start blocks the thread that it is on.
        std::thread::spawn(move || {
            // `Clock`: only then do confirmations arrive as on a cluster.
            let builder = Surfnet::builder()
                .offline(true)
                .block_production_mode(BlockProductionMode::Clock);
            let surfnet = runtime.block_on(builder.slot_time_ms(SLOT_MS).start());
            // Nobody waits any more if it took too long.
            let _ = sender.send(surfnet);
        });
        if let Ok(Ok(surfnet)) = tokio::time::timeout(PATIENCE, receiver).await {
            return Ok(surfnet?);
        }
    }
    Err(LocalnetError::Silent)
}

/// Passes connections on to a port of this machine.
async fn forward(listener: TcpListener, port: u16) {
    while let Ok((mut from, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
            tokio::io::copy_bidirectional(&mut from, &mut to).await
        });
    }
}

impl Localnet {
    /// The slot under way, and the clock in unix seconds.
    fn slot_and_time(&self) -> Result<(u64, i64)> {
        let rpc = self.surfnet.rpc_client();
        let failed = |error: Box<dyn std::error::Error>| LocalnetError::Clock(error.to_string());
        let info = rpc.get_epoch_info().map_err(|error| failed(error.into()))?;
        let clock = rpc.get_account(&sysvar::clock::ID);
        let clock = clock.map_err(|error| failed(error.into()))?;
        let clock: Clock = from_account(&clock).ok_or_else(|| failed("no clock".into()))?;
        Ok((info.absolute_slot, clock.unix_timestamp))
    }
}

/// Takes the validator's events out of their channel, which holds 1,024 of them. If no one reads them, the
/// validator hangs at the next one, after some 100 seconds. The thread ends with the validator.
fn ignore_events(surfnet: &Surfnet) {
    let events = surfnet.events().clone();
    std::thread::spawn(move || events.iter().for_each(drop));
}

fn token_account(owner: Pubkey, amount: u64) -> Vec<u8> {
    pack(TokenAccount {
        mint: NOS_MINT,
        owner,
        amount,
        state: AccountState::Initialized,
        ..TokenAccount::default()
    })
}

fn pack<T: Pack>(state: T) -> Vec<u8> {
    let mut data = vec![0; T::LEN];
    state.pack_into_slice(&mut data);
    data
}
