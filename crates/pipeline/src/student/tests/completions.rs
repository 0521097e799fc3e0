//! `/v1/completions`.

use super::*;

async fn completed(model: &Arc<dyn LocalModel>, body: Value) -> Value {
    asked(model, Endpoint::Completions, body).await.unwrap()
}

fn token_ids(model: &Arc<dyn LocalModel>, prompt: &str) -> Vec<u32> {
    model.tokenize(prompt, SpecialNames::AreText).unwrap()
}

fn logprobs(choice: &Value) -> Vec<Option<f64>> {
    let logprobs = choice["logprobs"]["token_logprobs"].as_array().unwrap();
    logprobs.iter().map(Value::as_f64).collect()
}

#[tokio::test]
async fn the_four_forms_of_a_prompt_mean_the_same() {
    let model = student();
    let prompts = ["one chai", "thé 🍵"];
    let ids = [token_ids(&model, prompts[0]), token_ids(&model, prompts[1])];
    let ask = |prompt: Value| completed(&model, json!({"prompt": prompt, "seed": 5, "temperature": 1.3, "n": 2}));
    let batch = ask(json!(prompts)).await;
    assert_eq!(batch["choices"].as_array().unwrap().len(), 4);
    assert_eq!(batch["choices"], ask(json!(ids)).await["choices"]);
    for (place, (prompt, ids)) in prompts.iter().zip(&ids).enumerate() {
        let (by_text, by_ids) = (ask(json!(prompt)).await, ask(json!(ids)).await);
        assert_eq!(by_text["choices"], by_ids["choices"]);
        for choice in 0..2 {
            let (alone, among) = (&by_text["choices"][choice], &batch["choices"][2 * place + choice]);
            assert_eq!(alone["text"], among["text"]);
            assert_eq!(among["index"], 2 * place + choice);
        }
        assert_eq!(by_text["usage"]["prompt_tokens"], ids.len(), "a prompt counts once");
    }
    assert_ne!(batch["choices"][0]["text"], batch["choices"][1]["text"]);
    let (read, written) = (ids[0].len() + ids[1].len(), 4 * 16);
    let usage = json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written});
    assert_eq!(batch["usage"], usage);
    assert_eq!(
        (&batch["object"], &batch["model"]),
        (&json!("text_completion"), &json!("barista"))
    );
    assert!(batch["id"].as_str().unwrap().starts_with("cmpl-"));
}

#[tokio::test]
async fn a_seed_gives_the_same_text_again_and_another_seed_another() {
    let model = student();
    let text = async |seed: Option<i64>| {
        let body = json!({"prompt": "one", "seed": seed, "temperature": 1.0, "max_tokens": 30});
        completed(&model, body).await["choices"][0]["text"].clone()
    };
    assert_eq!(text(Some(1)).await, text(Some(1)).await);
    assert_ne!(text(Some(1)).await, text(Some(2)).await);
    assert_eq!(
        text(None).await,
        text(None).await,
        "without a seed the prompt is the seed"
    );
}

#[tokio::test]
async fn echo_without_an_answer_weighs_the_prompt_as_score_does() {
    let conversation = [user("one chai latte please"), assistant("of course 🍵")];
    for model in [student(), ngram()] {
        let ids = model.render(&conversation, TemplateEnd::Closed).unwrap();
        let body = json!({"prompt": ids, "max_tokens": 0, "echo": true, "logprobs": 0});
        let answer = completed(&model, body).await;
        let choice = &answer["choices"][0];
        assert_eq!(choice["text"], "one chai latte pleaseof course 🍵");
        assert_eq!(choice["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], 0);
        let found = logprobs(choice);
        assert_eq!(found.len(), ids.len());
        assert_eq!(found[0], None);
        let second = model.render(&conversation[..1], TemplateEnd::Closed).unwrap().len();
        let scores = LocalModel::score(model.as_ref(), &conversation).unwrap();
        for (said, score) in [(1..second, &scores[0]), (second + 1..ids.len(), &scores[1])] {
            let bits = -found[said].iter().map(|logprob| logprob.unwrap()).sum::<f64>() / std::f64::consts::LN_2;
            assert!((bits - score.bits).abs() < 1e-3, "{bits} {score:?}");
        }
    }
}

/// As lm-eval's `local-completions` asks and reads: one token is generated and dropped, the rest is the prompt's.
#[tokio::test]
async fn an_evaluation_harness_finds_one_entry_per_token_of_the_prompt() {
    let model = ngram();
    let (context, continuation) = ("one chai", " latte please");
    let ids = token_ids(&model, &format!("{context}{continuation}"));
    let shorter: Vec<u32> = ids[..ids.len() - 2].to_vec();
    let body =
        json!({"prompt": [ids, shorter], "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": true});
    let answer = completed(&model, body).await;
    for (ids, choice) in [(&ids, &answer["choices"][0]), (&shorter, &answer["choices"][1])] {
        let parts = ["tokens", "token_logprobs", "top_logprobs", "text_offset"];
        for part in parts {
            assert_eq!(
                choice["logprobs"][part].as_array().unwrap().len(),
                ids.len() + 1,
                "{part}"
            );
        }
        for place in 1..=ids.len() {
            let own = choice["logprobs"]["token_logprobs"][place].as_f64().unwrap();
            let top = choice["logprobs"]["top_logprobs"][place].as_object().unwrap();
            let most = top.values().filter_map(Value::as_f64).fold(f64::MIN, f64::max);
            assert!(own <= most && top.len() <= 2);
        }
        let weighed = completed(
            &model,
            json!({"prompt": ids, "max_tokens": 0, "logprobs": 1, "echo": true}),
        )
        .await;
        let expected = logprobs(&weighed["choices"][0]);
        assert_eq!(logprobs(choice)[..ids.len()], expected[..]);
    }
    // After the whole sentence the model ends its turn: that token has its entry too.
    assert_eq!(answer["choices"][0]["logprobs"]["tokens"][ids.len()], "<|end|>");
    assert_eq!(answer["choices"][0]["text"], "one chai latte please");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn offsets_begin_behind_the_prompt_unless_it_is_echoed() {
    let model = student();
    let ask = |echo: bool| {
        let body = json!({"prompt": "thé 🍵", "echo": echo, "logprobs": 2, "temperature": 0, "max_tokens": 8});
        completed(&model, body)
    };
    let (alone, echoed) = (ask(false).await, ask(true).await);
    let offsets = |answer: &Value| -> Vec<u64> {
        let offsets = answer["choices"][0]["logprobs"]["text_offset"].as_array().unwrap();
        offsets.iter().map(|offset| offset.as_u64().unwrap()).collect()
    };
    let (alone_at, echoed_at) = (offsets(&alone), offsets(&echoed));
    assert_eq!((alone_at[0], echoed_at[0]), (5, 0));
    assert!(echoed_at.ends_with(&alone_at));
    assert!(echoed_at.is_sorted());
    let (alone, echoed) = (&alone["choices"][0], &echoed["choices"][0]);
    assert_eq!(
        format!("thé 🍵{}", alone["text"].as_str().unwrap()),
        echoed["text"].as_str().unwrap()
    );
}

#[tokio::test]
async fn a_stream_adds_up_to_the_whole_answer() {
    let model = student();
    for seed in 0..12 {
        for stop in [json!(null), json!(["e", "\u{FFFD}"]), json!(["ou", " p", "ha"])] {
            let body = json!({
                "prompt": ["one", "thé"], "seed": seed, "temperature": 1.5, "top_p": 1, "n": 2, "max_tokens": 24,
                "logprobs": 1, "stop": stop, "echo": seed % 2 == 0,
            });
            let whole = completed(&model, body.clone()).await;
            let events = streamed(&model, Endpoint::Completions, body).await;
            let (usage, events) = events.split_last().unwrap();
            assert_eq!((&usage["usage"], &usage["choices"]), (&whole["usage"], &json!([])));
            for choice in whole["choices"].as_array().unwrap() {
                let index = choice["index"].as_u64().unwrap();
                let text = joined_text(events, index, "/choices/0/text");
                assert_eq!(choice["text"].as_str().unwrap(), text, "{stop}");
                let of_choice: Vec<&Value> = events
                    .iter()
                    .map(|e| &e["choices"][0])
                    .filter(|c| c["index"] == index)
                    .collect();
                for part in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
                    let parts = of_choice
                        .iter()
                        .flat_map(|c| c["logprobs"][part].as_array().unwrap().clone());
                    assert_eq!(choice["logprobs"][part], Value::Array(parts.collect()), "{part}");
                }
                let ends: Vec<&str> = of_choice.iter().filter_map(|c| c["finish_reason"].as_str()).collect();
                assert_eq!(ends, [choice["finish_reason"].as_str().unwrap()]);
            }
        }
    }
}

#[tokio::test]
async fn a_stop_string_ends_the_text_before_it_and_its_tokens_are_not_told() {
    let model = ngram();
    let body =
        |stop: Value| json!({"prompt": "one chai", "temperature": 0, "max_tokens": 40, "stop": stop, "logprobs": 0});
    let free = completed(&model, body(json!(null))).await;
    assert_eq!(free["choices"][0]["text"], " latte please");
    for (stop, text) in [
        (json!("tte pl"), " la"),
        (json!(["zzz", " latte"]), ""),
        (json!(["latte", "la"]), " "),
    ] {
        let answer = completed(&model, body(stop)).await;
        let choice = &answer["choices"][0];
        assert_eq!(
            (&choice["text"], &choice["finish_reason"]),
            (&json!(text), &json!("stop"))
        );
        let end = "one chai".len() + text.len();
        // Of the tokens of the free answer those that begin before the end are told: one may reach into the stop string.
        let free = free["choices"][0]["logprobs"]["text_offset"].as_array().unwrap();
        let before: Vec<&Value> = free
            .iter()
            .filter(|offset| offset.as_u64().unwrap() < end as u64)
            .collect();
        let told: Vec<&Value> = choice["logprobs"]["text_offset"].as_array().unwrap().iter().collect();
        assert_eq!(told, before, "{text}");
        assert!(answer["usage"]["completion_tokens"].as_u64().unwrap() >= told.len().max(1) as u64);
    }
}

#[tokio::test]
async fn a_prompt_may_fill_the_context_and_not_more() {
    let model = student();
    let ids = vec![9; CONTEXT];
    let weighed = json!({"prompt": ids, "max_tokens": 0, "echo": true, "logprobs": 1});
    let answer = completed(&model, weighed).await;
    assert_eq!(logprobs(&answer["choices"][0]).len(), CONTEXT);
    let fits = json!({"prompt": ids[1..], "max_tokens": 1, "temperature": 0});
    assert_eq!(completed(&model, fits).await["usage"]["total_tokens"], CONTEXT);
    let usual = json!({"prompt": ids[..CONTEXT - 3], "temperature": 2, "logit_bias": {"4": -100}});
    assert_eq!(completed(&model, usual).await["usage"]["completion_tokens"], 3);
    let nothing = completed(&model, json!({"max_tokens": 3})).await;
    assert_eq!(nothing["usage"]["prompt_tokens"], 1, "a text begins where a turn ends");
}

#[tokio::test]
async fn bias_and_penalties_change_what_is_drawn() {
    let model = student();
    let ask = async |more: Value| {
        let mut body = json!({"prompt": "one", "temperature": 0, "max_tokens": 12, "logprobs": 0});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = completed(&model, body).await;
        answer["choices"][0]["logprobs"]["tokens"].as_array().unwrap().clone()
    };
    let biased = ask(json!({"logit_bias": {"40": 100}})).await;
    assert!(biased.len() == 12 && biased.iter().all(|token| *token == biased[0]));
    let penalised = ask(json!({"logit_bias": {"40": 1.5}, "presence_penalty": 2, "frequency_penalty": 2})).await;
    let distinct: std::collections::HashSet<String> = penalised.iter().map(Value::to_string).collect();
    assert!(distinct.len() > 6, "{penalised:?}");
}
