//! Which files, and at which paths: everything that is wanted, with all that it needs, for every environment.
//!
//! `inputs` reads what each set wants, `places` where it comes from. For each `environment` the `solver` decides on versions,
//! over what the `library` knows of projects; `prefetch` asks ahead, `explain` says why there is no solution. `build`
//! adds what source distributions need to be built, `hashes` checks what an index promises nothing of, and `publish` makes
//! the plan; `early` begins to fetch what that will need, where fetching follows. `inspect` looks at what was fetched by the plan.

mod build;
mod early;
mod environment;
mod explain;
mod hashes;
mod inputs;
mod inspect;
mod library;
mod places;
mod prefetch;
mod problem;
mod project;
mod publish;
mod repository;
mod sdist;
mod solver;
mod wheel;

use std::pin::pin;

use airlift_core::{Event, Plan};
use airlift_fetch::Fetcher;
use airlift_kind::CollectContext;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, select};
use futures::{StreamExt, TryStreamExt, stream};

pub(crate) use inspect::inspect;

use crate::error::PythonError;
use crate::format::Requirement;
use crate::spec::{PythonSpec, SetSpec, Spec};
use build::Built;
use early::Early;
use environment::Environment;
use inputs::Inputs;
use library::Library;
use places::{Places, Platforms};
use problem::Problem;
use project::Policy;
use publish::Shelf;

/// How many environments are solved at a time; they share what they ask.
const AT_ONCE: usize = 4;

pub(crate) async fn collect(spec: &Spec, context: &CollectContext) -> Result<Plan, PythonError> {
    match &spec.python {
        Some(spec) => collect_all(spec, context).await,
        None => Ok(Plan::default()),
    }
}

async fn collect_all(spec: &PythonSpec, context: &CollectContext) -> Result<Plan, PythonError> {
    let fetcher = &context.fetcher;
    let mut inputs = Vec::new();
    for set in &spec.sets {
        inputs.push(Inputs::read(spec, set, fetcher).await?);
    }
    let mut places = Places::of(spec, &*context.machine, fetcher).await?;
    let cases: Vec<Case> = spec.sets.iter().zip(&inputs).flat_map(cases).collect::<Result<_, _>>()?;
    tell_unused(spec, &inputs, &cases, fetcher);
    places.learn(cases.iter().map(|case| &case.policy.places));
    places.only_for(Platforms::of(cases.iter().map(|case| &case.environment.tags)));
    let (queue, begun) = mpsc::unbounded();
    let library = Library::new(fetcher, places, Early::new(context.fetches.then_some(queue)));
    let (decided, is_decided) = oneshot::channel();
    let planned = async {
        let solved = solve_all(&library, &cases).await?;
        drop(decided);
        let mut shelf = Shelf::new(&library);
        for (Case { environment, .. }, built) in cases.iter().zip(solved) {
            for choice in &built.choices {
                shelf.add(choice)?;
            }
            built.remarks.into_iter().for_each(|(name, remark)| shelf.remark(&name, &remark, environment));
        }
        shelf.plan().await
    };
    match select(pin!(planned), pin!(early::fetch(fetcher, begun, is_decided))).await {
        // What is still being fetched is gone on with by the plan, or not needed.
        Either::Left((planned, _)) => planned,
        Either::Right(((), planned)) => planned.await,
    }
}

/// What is chosen for each environment.
async fn solve_all(library: &Library<'_>, cases: &[Case]) -> Result<Vec<Built>, PythonError> {
    let solved = cases.iter().map(|Case { environment, requirements, policy }| {
        let problem = Problem::new(environment.clone(), policy.clone(), requirements.clone());
        Box::pin(async move { build::with_builds(library, &problem).await })
    });
    let solved = stream::iter(solved.collect::<Vec<_>>()).buffered(AT_ONCE).map(|solved| match solved {
        Err(error) if !matches!(error, PythonError::Unsolvable { .. }) => Err(error),
        // Another environment may have no solution either, which should not be found out one after the other.
        solved => Ok(solved),
    });
    explain::together(solved.try_collect::<Vec<_>>().await?)
}

/// Says which requirements are for none of the environments: a marker may have been meant otherwise.
fn tell_unused(spec: &PythonSpec, inputs: &[Inputs], cases: &[Case], fetcher: &Fetcher) {
    let mut rest = cases;
    for (set, inputs) in spec.sets.iter().zip(inputs) {
        let (own, others) = rest.split_at(set.environments.len().min(rest.len()));
        rest = others;
        let unused = inputs.for_none(&own.iter().map(|case| &case.environment.markers).collect::<Vec<_>>());
        if !unused.is_empty() {
            let of = set.name.as_ref().map(|name| format!(" of the set '{name}'")).unwrap_or_default();
            let message = format!("these requirements are for none of the environments{of}: {}", unused.join("; "));
            fetcher.observer().observe(&Event::Notice { message });
        }
    }
}

/// An environment, with what is wanted in it.
struct Case {
    environment: Environment,
    requirements: Vec<Requirement>,
    policy: Policy,
}

/// Each environment of a set, with what is wanted in it.
fn cases<'a>((set, inputs): (&'a SetSpec, &'a Inputs)) -> impl Iterator<Item = Result<Case, PythonError>> {
    set.environments.iter().map(move |environment| {
        let mut environment = Environment::new(environment);
        if let Some(name) = &set.name {
            environment.label = format!("{}, set '{name}'", environment.label);
        }
        let (requirements, policy) = inputs.for_environment(&environment.markers)?;
        Ok(Case { environment, requirements, policy })
    })
}
