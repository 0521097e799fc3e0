//! Datasets, runs, models, comparisons, jobs.

use std::sync::Arc;

use cultivar_record::{Job, JobState, LeafIndex, ModelVersionId, Run, RunState, Timestamp};
use cultivar_store::{
    Database, Store,
    tables::{self, comparison::StoredComparison, dataset::StoredDataset},
};

use super::{furnished, told, write};
use crate::samples::Samples;

pub(crate) fn a_dataset_has_versions(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let stored = [("coffee", 2), ("coffee", 1), ("tea", 1)].map(|(name, version)| StoredDataset {
        dataset: samples.dataset(name, version),
        digest: samples.digest(),
        leaf: LeafIndex(u64::from(version)),
        marked: None,
    });
    let rows = stored.clone();
    write(&store, move |tx| {
        rows.iter()
            .try_for_each(|row| tables::dataset::insert(tx, &row.dataset, row.digest, row.leaf))
    })
    .unwrap();
    let [second, first, tea] = stored;
    assert_eq!(
        store.read(|tx| tables::dataset::versions(tx, "coffee")).unwrap(),
        [first.clone(), second.clone()]
    );
    assert_eq!(store.read(|tx| tables::dataset::versions(tx, "milk")).unwrap(), []);
    assert_eq!(store.read(tables::dataset::list).unwrap(), [first, second, tea]);

    let (twin, digest) = (samples.dataset("coffee", 1), samples.digest());
    assert_eq!(
        told(write(&store, move |tx| tables::dataset::insert(
            tx,
            &twin,
            digest,
            LeafIndex(9)
        ))),
        "store::exists: dataset `coffee` exists already"
    );
}

pub(crate) fn a_run_is_kept_up_to_date(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (run, other) = (samples.run("student"), samples.run("baseline"));
    let rows = [run.clone(), other.clone()];
    write(&store, move |tx| {
        rows.iter().try_for_each(|row| tables::run::insert(tx, row))
    })
    .unwrap();
    assert_eq!(store.read(tables::run::list).unwrap(), [run.clone(), other]);
    let done = Run {
        state: RunState::Done,
        step: 500,
        weights: Some(samples.digest()),
        end_leaf: Some(LeafIndex(12)),
        ended_at: Some(samples.now()),
        ..run
    };
    let row = done.clone();
    write(&store, move |tx| tables::run::update(tx, &row)).unwrap();
    assert_eq!(store.read(|tx| tables::run::of_model(tx, "student")).unwrap(), [done]);
    let state = store
        .read(|tx| tx.query("SELECT state FROM run WHERE model = 'student'", &[]))
        .unwrap();
    assert_eq!(state[0].text(0).unwrap(), "done");
    let unknown = samples.run("student");
    let expected = format!("store::not_found: there is no run `{}`", unknown.id);
    assert_eq!(
        told(write(&store, move |tx| tables::run::update(tx, &unknown))),
        expected
    );
}

pub(crate) fn a_model_version_is_published_and_retired(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let publish = |version: u32, leaf: u64| {
        let (pedigree, at, random) = (samples.pedigree("student", version), samples.now(), samples.digest());
        let id = ModelVersionId::from_parts(at, random.as_bytes());
        let row = pedigree.clone();
        write(&store, move |tx| {
            tables::model_version::insert(tx, id, &row, LeafIndex(leaf))
        })
        .map(|()| pedigree)
    };
    let (second, first) = (publish(2, 8).unwrap(), publish(1, 5).unwrap());
    let versions = store.read(|tx| tables::model_version::versions(tx, "student")).unwrap();
    let seen: Vec<_> = versions
        .iter()
        .map(|v| (&v.pedigree, v.weights, v.leaf.0, v.state.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (&first, first.weights, 5, "published"),
            (&second, second.weights, 8, "published")
        ]
    );
    assert_eq!(told(publish(1, 9)), "store::exists: model `student` exists already");

    write(&store, |tx| tables::model_version::retire(tx, "student", 1)).unwrap();
    let states = store.read(tables::model_version::list).unwrap();
    let states: Vec<&str> = states.iter().map(|version| version.state.as_str()).collect();
    assert_eq!(states, ["retired", "published"]);
    for (model, version) in [("student", 1), ("student", 3), ("nobody", 1)] {
        assert_eq!(
            told(write(&store, move |tx| tables::model_version::retire(
                tx, model, version
            ))),
            format!("store::not_found: there is no model `{model}@{version}`")
        );
    }
}

pub(crate) fn a_comparison_gets_its_results_once(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (dataset, weights) = (samples.digest(), samples.digest());
    let older = plan(&store, &samples, dataset, weights, 3);
    let newer = plan(&store, &samples, dataset, weights, 4);
    plan(&store, &samples, samples.digest(), weights, 5);
    let newest = store
        .read(|tx| tables::comparison::newest(tx, dataset, weights))
        .unwrap();
    assert_eq!(newest.as_ref(), Some(&newer));
    assert_eq!(
        store
            .read(|tx| tables::comparison::newest(tx, weights, dataset))
            .unwrap(),
        None
    );

    let results = samples.results(older.plan.clone());
    for expected in [
        "Ok(())".to_owned(),
        format!("there is no open comparison `{}`", older.plan.id),
    ] {
        let row = results.clone();
        let told = match write(&store, move |tx| tables::comparison::insert_results(tx, &row)) {
            Ok(()) => "Ok(())".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }
    let listed = store.read(tables::comparison::list).unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(
        listed[0],
        StoredComparison {
            results: Some(results),
            ..older
        }
    );
    assert_eq!(listed[1], newer);
}

fn plan(
    store: &Store,
    samples: &Samples,
    dataset: cultivar_record::Digest,
    weights: cultivar_record::Digest,
    leaf: u64,
) -> StoredComparison {
    let stored = StoredComparison {
        plan: samples.plan(dataset, weights),
        plan_leaf: LeafIndex(leaf),
        results: None,
    };
    let row = stored.clone();
    write(store, move |tx| {
        tables::comparison::insert_plan(tx, &row.plan, row.plan_leaf)
    })
    .unwrap();
    stored
}

fn claim(store: &Store, kind: &'static str, now: Timestamp) -> Option<Job> {
    write(store, move |tx| tables::job::claim(tx, kind, now)).unwrap()
}

pub(crate) fn a_job_is_claimed_once_the_oldest_first(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (first, other, second) = (samples.job("build"), samples.job("audit"), samples.job("build"));
    let rows = [first.clone(), other.clone(), second.clone()];
    write(&store, move |tx| {
        rows.iter().try_for_each(|row| tables::job::insert(tx, row))
    })
    .unwrap();

    let now = samples.now();
    let running = |job: &Job| Job {
        state: JobState::Running,
        attempts: 1,
        updated_at: now,
        ..job.clone()
    };
    assert_eq!(claim(&store, "build", now), Some(running(&first)));
    assert_eq!(claim(&store, "build", now), Some(running(&second)));
    assert_eq!(claim(&store, "build", now), None);
    assert_eq!(
        store.read(|tx| tables::job::get(tx, first.id)).unwrap(),
        running(&first)
    );
    assert_eq!(
        store.read(tables::job::list).unwrap(),
        [running(&first), other, running(&second)]
    );
}

pub(crate) fn a_job_of_a_killed_process_is_queued_again(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (killed, done) = (samples.job("build"), samples.job("build"));
    let rows = [
        killed.clone(),
        Job {
            state: JobState::Done,
            ..done.clone()
        },
    ];
    write(&store, move |tx| {
        rows.iter().try_for_each(|row| tables::job::insert(tx, row))
    })
    .unwrap();
    claim(&store, "build", samples.now()).unwrap();
    let later = samples.now();
    assert_eq!(
        write(&store, move |tx| tables::job::requeue_running(tx, later)).unwrap(),
        1
    );
    let again = claim(&store, "build", samples.now()).unwrap();
    assert_eq!((again.id, again.attempts), (killed.id, 2));
    assert_eq!(
        store.read(|tx| tables::job::get(tx, done.id)).unwrap().state,
        JobState::Done
    );
    let unknown = samples.job("build");
    let expected = format!("store::not_found: there is no job `{}`", unknown.id);
    assert_eq!(told(store.read(|tx| tables::job::get(tx, unknown.id))), expected);
    assert_eq!(
        told(write(&store, move |tx| tables::job::update(tx, &unknown))),
        expected
    );
}
