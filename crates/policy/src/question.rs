//! A request in Cedar's words: principal, action, resource and context, with the one entity that policies look into.
//! Types and names here are those of `policies/schema.cedarschema`; a test checks that every question fits the schema.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use cultivar_record::{Fact, FactName, Market, Purpose, Terms, Waived};

use crate::{
    Access, Commerce, Competition, Demand, DutiesMet, Footing, Offering, PolicyError, Reading, Release, Scores,
    Settings, Silence, Training, Use, UseRequest,
};

/// The schema's type names, parsed once.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    organization: EntityTypeName,
    terms: EntityTypeName,
    action: EntityTypeName,
    standing: EntityTypeName,
    fact: EntityTypeName,
    footing: EntityTypeName,
    purpose: EntityTypeName,
    silence: EntityTypeName,
    waived: EntityTypeName,
    market: EntityTypeName,
}

impl Vocabulary {
    pub(crate) fn new() -> Result<Self, PolicyError> {
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(undecided);
        Ok(Self {
            organization: name("Organization")?,
            terms: name("Terms")?,
            action: name("Action")?,
            standing: name("Standing")?,
            fact: name("Fact")?,
            footing: name("Footing")?,
            purpose: name("Purpose")?,
            silence: name("Silence")?,
            waived: name("WaivedFact")?,
            market: name("Market")?,
        })
    }

    /// The only entity that policies look into: the row of terms.
    pub(crate) fn entities(&self, terms: &Terms) -> Result<Entities, PolicyError> {
        let facts = FactName::ALL.map(|name| (name.as_str().to_owned(), self.fact(terms.fact(name))));
        let row = Entity::new(self.row(terms), HashMap::from(facts), HashSet::new()).map_err(undecided)?;
        Entities::from_entities([row], None).map_err(undecided)
    }

    pub(crate) fn request(&self, asked: &UseRequest<'_>, settings: Settings) -> Result<Request, PolicyError> {
        let organization = uid(&self.organization, &asked.organization.to_string());
        let action = uid(&self.action, asked.wanted.action().as_str());
        let context = Context::from_pairs(self.context(asked, settings)?).map_err(undecided)?;
        Request::new(organization, action, self.row(asked.terms), context, None).map_err(undecided)
    }

    fn row(&self, terms: &Terms) -> EntityUid {
        uid(&self.terms, terms.key.as_str())
    }

    fn context(&self, asked: &UseRequest<'_>, settings: Settings) -> Result<Vec<Pair>, PolicyError> {
        let mut pairs = vec![
            pair("standing", value(&self.standing, asked.standing.as_str())),
            pair("footing", value(&self.footing, footing_word(asked.footing))),
        ];
        let reads_terms = matches!(
            asked.wanted,
            Use::Train(_) | Use::Evaluate { .. } | Use::PublishDataset { .. } | Use::Release(_)
        );
        pairs.extend(reads_terms.then(|| self.waived(asked.waived())));
        match asked.wanted {
            Use::Infer { purpose } | Use::Collect { purpose } => {
                pairs.extend([self.purpose(purpose), offering_pair(asked.offering)?]);
            }
            Use::Train(training) => pairs.push(training_pair(training)?),
            Use::Evaluate { purpose, scores } => {
                let silence = value(&self.silence, silence_word(settings.silent_benchmark));
                pairs.extend([
                    self.purpose(purpose),
                    offering_pair(asked.offering)?,
                    pair("silent_benchmark", silence),
                ]);
                if let Scores::FeedTraining(training) = scores {
                    pairs.push(training_pair(training)?);
                }
            }
            Use::PublishDataset { commerce, untraced } => {
                pairs.extend([commercial_pair(commerce), pair("untraced", long(untraced))]);
            }
            Use::Release(release) => pairs.extend(release_pairs(&release)?),
            Use::ReadContent(reading) => pairs.extend(self.reading(&reading)),
        }
        Ok(pairs)
    }

    fn fact(&self, fact: Fact) -> RestrictedExpression {
        value(&self.fact, fact.as_str())
    }

    fn waived(&self, waived: Waived) -> Pair {
        let facts = waived.facts().map(|fact| value(&self.waived, fact.as_str()));
        pair("waived", RestrictedExpression::new_set(facts))
    }

    fn reading(&self, reading: &Reading<'_>) -> [Pair; 5] {
        let market = |market: &Market| value(&self.market, market.as_str());
        let places = |places: &[Market]| RestrictedExpression::new_set(places.iter().map(market));
        [
            pair("market", market(reading.market)),
            pair("within", places(reading.within)),
            pair("residency", places(reading.residency)),
            pair("ticket", RestrictedExpression::new_string(reading.ticket.to_owned())),
            pair("break_glass", truth(reading.access == Access::BreakGlass)),
        ]
    }

    fn purpose(&self, purpose: Purpose) -> Pair {
        pair("purpose", value(&self.purpose, purpose.as_str()))
    }
}

type Pair = (String, RestrictedExpression);

fn pair(name: &str, value: RestrictedExpression) -> Pair {
    (name.to_owned(), value)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn value(kind: &EntityTypeName, word: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(kind, word))
}

/// A count; what Cedar's signed integers cannot hold is as good as the largest of them.
fn long(count: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(count).unwrap_or(i64::MAX))
}

fn truth(holds: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(holds)
}

fn release_pairs(release: &Release<'_>) -> Result<[Pair; 7], PolicyError> {
    let approvals = u64::try_from(release.approvers.len()).unwrap_or(u64::MAX);
    let requester_approves = release.approvers.contains(release.requester);
    Ok([
        training_pair(release.training)?,
        pair("approvals", long(approvals)),
        pair("quorum", long(release.quorum)),
        demand_pair("roles_approve", release.roles),
        pair("requester_approves", truth(requester_approves)),
        demand_pair("evidence_complete", release.evidence),
        duties_pair(release.duties)?,
    ])
}

fn duties_pair(duties: DutiesMet) -> Result<Pair, PolicyError> {
    let fields = [
        demand_pair("attribution", duties.attribution),
        demand_pair("flow_down", duties.flow_down),
        demand_pair("share_alike", duties.share_alike),
        demand_pair("caps", duties.caps),
        demand_pair("label", duties.label),
    ];
    Ok(pair(
        "duties",
        RestrictedExpression::new_record(fields).map_err(undecided)?,
    ))
}

fn demand_pair(name: &str, demand: Demand) -> Pair {
    pair(name, truth(demand == Demand::Met))
}

fn training_pair(training: Training) -> Result<Pair, PolicyError> {
    let fields = [
        pair("competes", truth(training.competition == Competition::Competes)),
        commercial_pair(training.commerce),
        pair("untraced", long(training.untraced)),
    ];
    Ok(pair(
        "training",
        RestrictedExpression::new_record(fields).map_err(undecided)?,
    ))
}

fn offering_pair(offering: Offering) -> Result<Pair, PolicyError> {
    let fields = [
        ("open", offering.open),
        ("offered", offering.offered),
        ("approved", offering.approved),
        ("resident", offering.resident),
    ];
    let fields = fields.map(|(name, holds)| pair(name, truth(holds)));
    Ok(pair(
        "offering",
        RestrictedExpression::new_record(fields).map_err(undecided)?,
    ))
}

fn commercial_pair(commerce: Commerce) -> Pair {
    pair("commercial", truth(commerce == Commerce::Commercial))
}

const fn footing_word(footing: Footing) -> &'static str {
    match footing {
        Footing::Accepted => "accepted",
        Footing::NotAccepted => "not-accepted",
        Footing::Own => "own",
    }
}

const fn silence_word(silence: Silence) -> &'static str {
    match silence {
        Silence::Permits => "permits",
        Silence::Forbids => "forbids",
    }
}

fn undecided(error: impl std::fmt::Display) -> PolicyError {
    PolicyError::Undecided {
        reason: error.to_string(),
    }
}
