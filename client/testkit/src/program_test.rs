//! Both programs in solana-program-test's bank.

use crate::{
    bank::{Bank, Failure, Receipt},
    elves::{program_account, Programs},
};
use nosana_deploy_client::PROGRAM_ID;
use solana_account::Account;
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_program_test::{ProgramTest, ProgramTestContext};
use solana_signer::Signer;
use solana_transaction::Transaction;

/// A bank with our program, the NOS mint, and whatever `add` adds: the markets' program can be a
/// different one.
pub async fn bank_with(add: impl FnOnce(&mut ProgramTest)) -> ProgramTestContext {
    let mut test = ProgramTest::default();
    let deployments = program_account(&Programs::load().deployments);
    test.add_account(PROGRAM_ID, deployments);
    add(&mut test);
    let mut context = test.start_with_context().await;
    context.put_mint(u64::MAX);
    context
}

impl Bank for ProgramTestContext {
    async fn start() -> Self {
        bank_with(|test| Programs::load().add_to(test)).await
    }

    fn put(&mut self, key: &Pubkey, account: Account) {
        self.set_account(key, &account.into());
    }

    async fn account(&mut self, key: &Pubkey) -> Option<Account> {
        self.banks_client.get_account(*key).await.unwrap()
    }

    async fn set_time(&mut self, unix_timestamp: i64) {
        let clock: Clock = self.banks_client.get_sysvar().await.unwrap();
        self.set_sysvar(&Clock {
            unix_timestamp,
            ..clock
        });
    }

    async fn process(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, Failure> {
        let (payer, blockhash) = (signers[0].pubkey(), self.last_blockhash);
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, blockhash);
        let client = &mut self.banks_client;
        // Only a simulation says what was called.
        let foreseen = client.simulate_transaction(transaction.clone()).await;
        let foreseen = foreseen.unwrap().simulation_details;
        let called = foreseen.and_then(|details| details.inner_instructions);
        let message = transaction.message.clone();
        let done = client
            .process_transaction_with_metadata(transaction)
            .await
            .unwrap();
        let logs = done.metadata.as_ref().map(|details| &details.log_messages);
        done.result
            .map_err(|error| Failure::new(&error, logs.map_or(&[], Vec::as_slice)))?;
        let compute_units = done.metadata.unwrap().compute_units_consumed;
        Ok(Receipt::new(
            &message,
            compute_units,
            &called.unwrap_or_default(),
        ))
    }
}
