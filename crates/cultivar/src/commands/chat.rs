//! `chat`: talks to a model in the terminal, through the running server where there is one, else in this process.

use std::{
    io::{self, BufRead, IsTerminal},
    sync::Arc,
};

use cultivar_cli::ChatArgs;
use cultivar_gateway::{
    Answer, AnswerEvent, Caller, Gateway, GatewayError, Question,
    providers::{ProviderCall, ProviderClient, ReplyBody, openai::OpenAi},
};
use cultivar_record::{
    Ambient, Endpoint, ExchangeId, ProviderKind, Purpose,
    chat::{ChatRequest, Chunk, Message, Role},
};
use cultivar_store::{DataDir, tables};
use futures_util::StreamExt;
use serde_json::json;

use crate::{
    admin::running_server,
    config::Config,
    failure::{CliError, Failure},
    opened::{DEFAULT_ORGANIZATION, Opened, look, runtime},
    system::System,
    terminal::Terminal,
};

/// Longest answer, in tokens.
const MOST_TOKENS: u64 = 300;

/// Who answers.
enum Partner {
    /// A running server, over its own API.
    Server(Box<OpenAi>),
    /// This process.
    Here(Box<Opened>, Box<Caller>),
}

pub(crate) fn run(args: &ChatArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let model = match &args.model {
        Some(model) => model.clone(),
        None => newest_model(config)?,
    };
    runtime()?.block_on(async {
        let partner = find_partner(config, terminal).await?;
        let result = converse(&partner, &model, args, config, terminal).await;
        if let Partner::Here(opened, _) = &partner {
            opened.close().await?;
        }
        result
    })
}

fn newest_model(config: &Config) -> Result<String, Failure> {
    let published = look(config)?.1.read(tables::model_version::list)?;
    let newest = published
        .into_iter()
        .filter(|v| v.state == "published")
        .max_by_key(|v| v.pedigree.at);
    Ok(newest.ok_or(CliError::NoModel)?.pedigree.model)
}

/// Whether a model is one of our own.
fn is_own(config: &Config, model: &str) -> Result<bool, Failure> {
    let providers = look(config)?.1.read(tables::provider::list)?;
    Ok(providers
        .iter()
        .any(|provider| provider.model == model && provider.kind == ProviderKind::Local))
}

async fn find_partner(config: &Config, terminal: &Terminal) -> Result<Partner, Failure> {
    let dir = DataDir::open(config.data_dir())?;
    if let Some((address, key)) = running_server(&dir, Purpose::Serve).await? {
        let server = OpenAi::new("server".to_owned(), &format!("{address}/v1"), Some(&key));
        return Ok(Partner::Server(Box::new(server)));
    }
    let opened = Opened::existing(config)?;
    for error in opened.join_models()? {
        terminal.warning(&error);
    }
    let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
    let caller = opened.own_caller(&organization, Purpose::Serve).await?;
    Ok(Partner::Here(Box::new(opened), Box::new(caller)))
}

async fn converse(
    partner: &Partner,
    model: &str,
    args: &ChatArgs,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let is_own = is_own(config, model)?;
    let mut messages = Vec::new();
    if let Some(text) = &args.message {
        return say(partner, (model, is_own), &mut messages, text, terminal).await;
    }
    let is_person = io::stdin().is_terminal();
    if is_person {
        terminal.say(&format!("Talking to `{model}`. An empty line or Ctrl-D ends."));
    }
    loop {
        if is_person {
            terminal.prompt("you> ");
        }
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if read.is_err() || line.trim().is_empty() {
            return Ok(());
        }
        say(partner, (model, is_own), &mut messages, line.trim(), terminal).await?;
    }
}

async fn say(
    partner: &Partner,
    (model, is_own): (&str, bool),
    messages: &mut Vec<Message>,
    text: &str,
    terminal: &Terminal,
) -> Result<(), Failure> {
    messages.push(Message::text(Role::User, text));
    let mut request = ChatRequest {
        stream: Some(true),
        max_tokens: Some(MOST_TOKENS),
        ..ChatRequest::plain(model, messages.clone())
    };
    if is_own {
        // A talk that is longer than the model sees loses its oldest turns.
        request.rest.insert("truncation".to_owned(), "auto".into());
    }
    let mut answer = String::new();
    let mut hear = |chunk: &Chunk| {
        for piece in chunk
            .choices
            .iter()
            .filter_map(|choice| choice.delta.content.as_deref())
        {
            if !terminal.is_json() {
                terminal.piece(piece);
            }
            answer.push_str(piece);
        }
    };
    match partner {
        Partner::Server(server) => over_http(server, request, &mut hear).await?,
        Partner::Here(opened, caller) => in_process(&opened.gateway, caller, request, &mut hear).await?,
    }
    if terminal.is_json() {
        terminal.result("", &json!({ "model": model, "answer": answer }));
    } else {
        terminal.piece("\n");
    }
    messages.push(Message::text(Role::Assistant, answer));
    Ok(())
}

async fn over_http(server: &OpenAi, request: ChatRequest, hear: &mut impl FnMut(&Chunk)) -> Result<(), Failure> {
    let model = request.model.clone();
    let call = ProviderCall {
        exchange: ExchangeId::new(&System),
        at: System.now(),
        endpoint: Endpoint::ChatCompletions,
        body: cultivar_record::canonical_json(&request)?.into(),
        model: model.clone(),
        stream: true,
    };
    let reply = server.ask(call).await.map_err(|error| as_if_here(error, model))?;
    let ReplyBody::Events(events) = reply.body else {
        return Ok(());
    };
    let mut chunks = cultivar_gateway::read_chunks(events);
    while let Some(chunk) = chunks.next().await {
        hear(&chunk?);
    }
    Ok(())
}

/// Our own server's refusal in the words that this process would have had.
fn as_if_here(error: GatewayError, model: String) -> GatewayError {
    match error {
        GatewayError::Refused(refusal) if refusal.code == "model_not_found" => GatewayError::UnknownModel { model },
        other => other,
    }
}

async fn in_process(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    request: ChatRequest,
    hear: &mut impl FnMut(&Chunk),
) -> Result<(), GatewayError> {
    if let Answer::Stream(mut events) = gateway.complete(caller, Question::alone(request)).await?.1 {
        while let Some(event) = events.recv().await {
            match event {
                AnswerEvent::Chunk(chunk) => hear(&chunk),
                AnswerEvent::Failed(error) => return Err(error),
            }
        }
    }
    Ok(())
}
