//! What generated declarations can say: labels, optional arguments, modules, abstract types, exceptions.

use futures_lite::future;
use ocaml_lwt_interop::{OCamlException, Opaque, OpaqueType, RuntimeToken, func, opaque_type};
use std::num::ParseIntError;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Returns a greeting.
#[func(sync, labels)]
pub fn generated_greeting(name: String, #[ocaml(label = "how_often")] times: u8) -> String {
    format!("hello {name}").repeat(usize::from(times))
}

/// Returns a greeting, to the world if there is no name.
#[func]
pub fn generated_greeting_later(
    #[ocaml(optional)] name: Option<String>,
    #[ocaml(optional)] polite: Option<bool>,
    mark: String,
) -> String {
    future::yield_now().await;
    let name = name.as_deref().unwrap_or("world");
    let hello = if polite.unwrap_or(false) {
        "good day"
    } else {
        "hello"
    };
    format!("{hello} {name}{mark}")
}

/// A number that all domains share.
#[derive(OpaqueType)]
pub struct SharedNumber(AtomicIsize);

#[func]
impl SharedNumber {
    /// Makes a number.
    pub fn new(start: isize) -> Self {
        SharedNumber(AtomicIsize::new(start))
    }

    /// Reads a number.
    #[func(raise)]
    pub fn parse(text: String) -> Result<Self, ParseIntError> {
        Ok(SharedNumber::new(text.parse()?))
    }

    /// Returns the number.
    pub fn get(&self) -> isize {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds to the number after a yield, and returns the one before.
    #[func(labels)]
    pub async fn add(
        &self,
        #[ocaml(optional)] by: Option<isize>,
        #[ocaml(positional)] _unit: (),
    ) -> isize {
        future::yield_now().await;
        self.0.fetch_add(by.unwrap_or(1), Ordering::Relaxed)
    }

    /// Subtracts, or fails and changes nothing.
    #[func(raise)]
    pub async fn withdraw(&self, amount: isize) -> Result<isize, Withdrawal> {
        future::yield_now().await;
        let balance = self.get();
        match amount {
            0 => Err(Withdrawal::Nothing),
            _ if amount < 0 => Err(Withdrawal::Negative { amount }),
            _ if amount > balance => Err(Withdrawal::TooMuch(amount, balance)),
            _ => Ok(self.0.fetch_sub(amount, Ordering::Relaxed) - amount),
        }
    }

    /// Returns the number from tokio.
    #[func(tokio)]
    pub async fn far(&self) -> isize {
        tokio::task::yield_now().await;
        self.get()
    }

    /// Returns the number from the blocking pool.
    #[func(blocking)]
    pub fn slow(&self) -> isize {
        self.get()
    }

    /// Returns the number, and uses the token.
    pub fn domain(&self, token: &RuntimeToken<'_>) -> (isize, u64) {
        (self.get(), token.domain_id())
    }

    /// Returns the one that is larger.
    pub fn larger(self: Arc<Self>, other: Opaque<Self>) -> Opaque<SharedNumber> {
        match self.get() >= other.get() {
            true => self.into(),
            false => other,
        }
    }
}

/// Why nothing was withdrawn.
#[derive(Debug, OCamlException)]
pub enum Withdrawal {
    /// Zero was asked for.
    #[ocaml(name = "Nothing_withdrawn")]
    Nothing,
    /// There was less: what was asked for, and what there is.
    TooMuch(isize, isize),
    /// The amount was less than zero.
    Negative {
        /// What was asked for.
        amount: isize,
    },
}

/// Anything that makes a noise.
pub trait Animal: Send + Sync {
    /// Returns the noise.
    fn noise(&self) -> String;
}

struct Cat;
struct Echo(Arc<dyn Animal>);

impl Animal for Cat {
    fn noise(&self) -> String {
        "meow".to_owned()
    }
}

impl Animal for Echo {
    fn noise(&self) -> String {
        format!("{0} {0}", self.0.noise())
    }
}

opaque_type! {
    /// Anything that makes a noise.
    dyn Animal as "animal"
}

#[func]
impl dyn Animal {
    /// Makes a cat.
    pub fn cat() -> Opaque<dyn Animal> {
        let cat: Arc<dyn Animal> = Arc::new(Cat);
        cat.into()
    }

    /// Makes an animal that makes the same noise twice.
    pub fn twice(self: Arc<Self>) -> Opaque<dyn Animal> {
        let echo: Arc<dyn Animal> = Arc::new(Echo(self));
        echo.into()
    }

    /// Returns the noise, later.
    pub async fn listen(&self) -> String {
        future::yield_now().await;
        self.noise()
    }
}
