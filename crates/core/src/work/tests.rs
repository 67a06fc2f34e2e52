use super::*;

const FAR: Bounds = Bounds { max_outstanding: 2, until: Duration::from_secs(100) };

const FIRST_PAGE: Ask = Ask::List(Scope::Page(None));

fn page(progress: HashMap<String, Progress>, next: Option<&str>) -> Answer {
    Answer::Listed(Ok(Listed { progress, next: next.map(str::to_owned) }))
}

fn next_page(token: &str) -> Ask {
    Ask::List(Scope::Page(Some(token.to_owned())))
}

/// All in one group.
fn work(items: usize) -> Work {
    Work::new(&vec![0; items], FAR, || 0.5)
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn asks(work: &mut Work, now: Duration) -> Vec<Ask> {
    match work.next(now, Wish::GoOn) {
        Next::Ask(asks, _) => asks,
        Next::End(end) => panic!("nothing is asked: {end:?}"),
    }
}

fn start(item: usize) -> Ask {
    Ask::Start { item, again: false }
}

fn under_way(item: usize, id: &str) -> Answer {
    let started = Started { request_id: Some(id.into()), progress: Progress::InProgress };
    Answer::Started { item, answer: Ok(started) }
}

fn refused(cause: Cause) -> CallError {
    CallError { operation: "sso:CreateAccountAssignment", cause, code: None, message: "no".into() }
}

fn statuses(work: Work, end: End) -> Vec<Status> {
    work.settle(end).into_iter().map(|settled| settled.status).collect()
}

#[test]
fn a_deletion_is_done_when_it_is_not_there_any_more() {
    let looked = |evidence| Answer::Looked { item: 0, answer: Ok(evidence) };
    let cut = || Answer::Started { item: 0, answer: Err(refused(Cause::Unavailable)) };
    let deletion = || {
        let mut work = work(1).doing(Deed::Deletion);
        assert_eq!(asks(&mut work, at(0)), [start(0)]);
        work
    };
    // AWS said that it does not know what was to be deleted.
    let mut gone = deletion();
    gone.take(looked(Evidence::Absent), at(10));
    assert_eq!(statuses(gone, End::Late), [Status::Present]);
    // An answer was lost, and what was asked for had an effect.
    let mut lost = deletion();
    lost.take(cut(), at(10));
    assert_eq!(asks(&mut lost, at(1_000)), [Ask::Look { item: 0 }]);
    lost.take(looked(Evidence::Absent), at(1_010));
    assert_eq!(statuses(lost, End::Late), [Status::Created]);
    // It had none: what is there is deleted once more.
    let mut there = deletion();
    there.take(cut(), at(10));
    assert_eq!(asks(&mut there, at(1_000)), [Ask::Look { item: 0 }]);
    there.take(looked(Evidence::Present), at(1_010));
    assert_eq!(asks(&mut there, at(1_020)), [Ask::Start { item: 0, again: true }]);
    there.take(under_way(0, "a"), at(1_030));
    let words = |work: Work| match statuses(work, End::Stopped).remove(0) {
        Status::Pending { reason } => reason,
        other => panic!("{other:?}"),
    };
    assert!(words(there).starts_with("its deletion was IN_PROGRESS"));
    let waiting = work(1).doing(Deed::Deletion);
    assert!(words(waiting).starts_with("it was not deleted when"));
}

#[test]
fn work_that_expects_more_does_not_end_before_it_has_come() {
    let mut work = work(1).expecting_more();
    assert_eq!(asks(&mut work, at(0)), [start(0)]);
    let done = Started { request_id: Some("a".into()), progress: Progress::Succeeded };
    work.take(Answer::Started { item: 0, answer: Ok(done) }, at(10));
    assert!(
        matches!(work.next(at(20), Wish::GoOn), Next::Ask(asks, wake) if asks.is_empty() && wake == FAR.until)
    );
    assert!(matches!(work.next(at(20), Wish::StartNothing), Next::End(End::Late)), "it would not be started");
    // Another group, as another account.
    work.more(&[0, 1]);
    assert_eq!(asks(&mut work, at(30)), [start(1), start(2)]);
    work.take(under_way(1, "b"), at(40));
    work.take(under_way(2, "c"), at(40));
    let listed = ["b", "c"].map(|id| (id.to_owned(), Progress::Succeeded));
    assert_eq!(asks(&mut work, at(900)), [FIRST_PAGE]);
    work.take(page(HashMap::from(listed), None), at(910));
    assert!(matches!(work.next(at(920), Wish::GoOn), Next::End(End::Late)));
    assert_eq!(statuses(work, End::Late), [Status::Created, Status::Created, Status::Created]);
    // Nothing is expected longer than there is time.
    let mut empty = Work::new(&[], FAR, || 0.5).expecting_more();
    assert!(matches!(empty.next(at(0), Wish::GoOn), Next::Ask(asks, _) if asks.is_empty()));
    assert!(matches!(empty.next(FAR.until, Wish::GoOn), Next::End(End::Late)));
}

#[test]
fn as_many_are_started_as_may_be_outstanding_and_one_list_polls_for_all() {
    let mut work = work(3);
    assert_eq!(asks(&mut work, at(0)), [start(0), start(1)]);
    assert_eq!(work.take(under_way(0, "a"), at(10)), []);
    assert_eq!(work.take(under_way(1, "b"), at(10)), []);
    assert_eq!(asks(&mut work, at(20)), [], "both places are taken");
    assert_eq!(asks(&mut work, at(510)), [FIRST_PAGE], "after half a second something may be done");
    let listed =
        HashMap::from([("a".to_owned(), Progress::Succeeded), ("stranger".to_owned(), Progress::InProgress)]);
    // What the list leaves out is described.
    let describe = Ask::Describe { item: 1, request_id: "b".into() };
    assert_eq!(work.take(page(listed, None), at(520)), [describe]);
    assert_eq!(asks(&mut work, at(530)), [start(2)], "a place is free");
    let answer = Ok(Some(Progress::Failed(Some("Received a 404 status error".into()))));
    work.take(Answer::Described { item: 1, request_id: "b".into(), answer }, at(540));
    assert_eq!(work.count(), Count { done: 2, failed: 1, outstanding: 1 });
    let settled = work.settle(End::Late);
    assert_eq!(settled[0].status, Status::Created);
    assert_eq!((settled[0].request_id.as_deref(), settled[0].took), (Some("a"), Some(at(520))));
    assert!(matches!(&settled[1].status, Status::Failed { remedy: crate::cause::Remedy::CorrectTable, .. }));
    assert!(matches!(&settled[2].status, Status::Pending { .. }), "it was asked for and not answered");
}

/// Two items under way, whose first poll is due.
fn two_under_way() -> Work {
    let mut work = work(2);
    asks(&mut work, at(0));
    work.take(under_way(0, "a"), at(10));
    work.take(under_way(1, "b"), at(10));
    work
}

fn strangers(progress: &[(&str, Progress)]) -> HashMap<String, Progress> {
    let ended = ("stranger".to_owned(), Progress::Succeeded);
    progress.iter().map(|(id, progress)| ((*id).to_owned(), progress.clone())).chain([ended]).collect()
}

fn describes(asks: &[Ask]) -> usize {
    asks.iter().filter(|ask| matches!(ask, Ask::Describe { .. })).count()
}

#[test]
fn a_list_that_begins_with_the_oldest_is_read_from_the_page_that_has_ours() {
    let mut work = two_under_way();
    assert_eq!(asks(&mut work, at(510)), [FIRST_PAGE]);
    assert_eq!(work.take(page(strangers(&[]), Some("2")), at(520)), [next_page("2")]);
    let both = [("a", Progress::InProgress), ("b", Progress::InProgress)];
    assert_eq!(work.take(page(strangers(&both), Some("3")), at(530)), [], "both are on the second page");
    assert_eq!(asks(&mut work, at(2_000)), [next_page("2")], "the second page is remembered");
    let moved = [("a", Progress::Succeeded)];
    let describe = Ask::Describe { item: 1, request_id: "b".into() };
    assert_eq!(work.take(page(strangers(&moved), Some("3")), at(2_010)), [describe], "one costs no more");
}

#[test]
fn what_no_page_has_is_found_in_the_list_of_what_is_in_progress() {
    let mut work = two_under_way();
    let (mut now, mut pages) = (510, 0);
    for search in 1..=2 {
        assert_eq!(asks(&mut work, at(now)), [FIRST_PAGE], "search {search}");
        let described = loop {
            pages += 1;
            let more = work.take(page(strangers(&[]), Some(&pages.to_string())), at(now));
            if more != [next_page(&pages.to_string())] {
                break more;
            }
        };
        assert_eq!(describes(&described), 2);
        for (item, id) in [(0, "a"), (1, "b")] {
            let answer = Ok(Some(Progress::InProgress));
            work.take(Answer::Described { item, request_id: id.into(), answer }, at(now));
        }
        now += 2_000;
    }
    assert_eq!(pages, 2 * 5, "a history without end is not searched without end");
    assert_eq!(asks(&mut work, at(now)), [Ask::List(Scope::InProgress)]);
    let left = HashMap::from([("a".to_owned(), Progress::InProgress)]);
    let describe = Ask::Describe { item: 1, request_id: "b".into() };
    assert_eq!(work.take(page(left, None), at(now)), [describe], "it has ended");
}

#[test]
fn a_list_that_fails_is_asked_again_by_the_next_poll_unless_it_cannot_be() {
    let last = |cause| {
        let mut work = two_under_way();
        asks(&mut work, at(510));
        assert_eq!(describes(&work.take(Answer::Listed(Err(refused(cause))), at(520))), 2, "{cause:?}");
        for (item, id) in [(0, "a"), (1, "b")] {
            let answer = Ok(Some(Progress::InProgress));
            work.take(Answer::Described { item, request_id: id.into(), answer }, at(530));
        }
        asks(&mut work, at(3_000))
    };
    assert_eq!(last(Cause::Unavailable), [FIRST_PAGE]);
    assert_eq!(describes(&last(Cause::Unsupported)), 2);
}

/// Returns how much later than its end what takes so long is seen to be done, and by how many polls.
fn seen_late(polls: &mut Polls, millis: u64, alone: bool) -> (u64, u32) {
    polls.begun(at(0));
    let (mut count, mut seen_at) = (0, None);
    loop {
        let now = polls.at().unwrap();
        polls.scope();
        polls.asked(1);
        polls.answered();
        count += 1;
        if now >= at(millis) {
            polls.finished(now, Some((seen_at, now)));
            polls.plan(now, None, 0, false, alone, || 0.5);
            return ((now - at(millis)).as_millis() as u64, count);
        }
        seen_at = Some(now);
        polls.plan(now, Some(at(0)), 10, false, alone, || 0.5);
    }
}

#[test]
fn what_takes_long_is_seen_sooner_if_nobody_else_is_at_work() {
    // Takes so many milliseconds; the most polls, alone and next to others.
    for (millis, alone, with_others) in [(1_000, 6, 6), (3_000, 18, 13), (10_000, 30, 19), (60_000, 46, 31)] {
        for (is_alone, most, part) in [(true, alone, 0.12), (false, with_others, 0.24)] {
            let (late, polls) = seen_late(&mut Polls::default(), millis, is_alone);
            assert!(
                late as f64 <= (millis as f64 * part).max(120.0),
                "{millis} ms, {is_alone}: {late} ms late"
            );
            assert!(polls <= most, "{millis} ms, {is_alone}: {polls} polls");
        }
    }
}

#[test]
fn what_was_seen_once_is_expected() {
    for millis in [1_000, 3_000, 10_000] {
        let mut polls = Polls::default();
        let first = seen_late(&mut polls, millis, true);
        let mut later = (0, 0);
        for _ in 0..5 {
            let (late, count) = seen_late(&mut polls, millis, true);
            assert!(late <= 130 + millis / 40, "{millis} ms: {late} late");
            later = (later.0.max(late), later.1 + count);
        }
        assert!(later.1 <= 5 * first.1.min(5), "{millis} ms: {first:?}, then {later:?}");
    }
}

#[test]
fn a_poll_that_came_late_is_not_taken_for_how_long_it_takes() {
    let mut polls = Polls::default();
    seen_late(&mut polls, 1_000, true);
    polls.begun(at(0));
    polls.asked(1);
    polls.answered();
    polls.finished(at(4_000), Some((None, at(4_000))));
    polls.plan(at(4_000), None, 0, false, true, || 0.5);
    polls.begun(at(4_000));
    assert!(polls.at().unwrap() < at(5_100), "{:?}", polls.at());
}

#[test]
fn a_refusal_decides_whether_the_item_is_looked_at_before_it_is_started_again() {
    let again = Ask::Start { item: 0, again: true };
    let look = Ask::Look { item: 0 };
    let cases = [
        (Cause::Throttled, Some(again)),
        (Cause::Conflict, Some(look.clone())),
        (Cause::Unavailable, Some(look.clone())),
        (Cause::Quota, Some(look)),
        (Cause::Denied, None),
        (Cause::NotFound, None),
    ];
    for (cause, expected) in cases {
        let mut work = work(1);
        asks(&mut work, at(0));
        work.take(Answer::Started { item: 0, answer: Err(refused(cause)) }, at(10));
        match expected {
            Some(expected) => {
                assert_eq!(asks(&mut work, at(100)), [], "{cause:?}: not before half of 400 ms");
                assert_eq!(asks(&mut work, at(210)), [expected], "{cause:?}");
            }
            None => {
                assert!(matches!(work.next(at(10), Wish::GoOn), Next::End(_)), "{cause:?}");
                let status = statuses(work, End::Late).remove(0);
                assert!(matches!(status, Status::Failed { .. } | Status::Unresolved { .. }), "{status:?}");
            }
        }
    }
}

#[test]
fn what_is_there_after_a_lost_reply_is_created_and_otherwise_present() {
    for (cause, expected) in [(Cause::Unavailable, Status::Created), (Cause::Conflict, Status::Present)] {
        let mut work = work(1);
        asks(&mut work, at(0));
        work.take(Answer::Started { item: 0, answer: Err(refused(cause)) }, at(10));
        assert_eq!(asks(&mut work, at(210)), [Ask::Look { item: 0 }]);
        work.take(Answer::Looked { item: 0, answer: Ok(Evidence::Present) }, at(220));
        assert_eq!(statuses(work, End::Late), [expected]);
    }
}

#[test]
fn a_passing_failure_is_tried_eight_times_and_a_final_one_once() {
    for (reason, starts) in [("takes longer than usual", 8), ("Received a 403 status error", 1)] {
        let mut work = work(1);
        let (mut now, mut started) = (Duration::ZERO, 0);
        while let Next::Ask(asks, _) = work.next(now, Wish::GoOn) {
            for ask in asks {
                match ask {
                    Ask::Start { item, .. } => {
                        started += 1;
                        let progress = Progress::Failed(Some(reason.into()));
                        let answer = Ok(Started { request_id: Some("a".into()), progress });
                        work.take(Answer::Started { item, answer }, now);
                    }
                    Ask::Look { item } => {
                        work.take(Answer::Looked { item, answer: Ok(Evidence::Absent) }, now);
                    }
                    other => panic!("{other:?}"),
                }
            }
            now += at(100);
        }
        assert_eq!(started, starts, "{reason}");
        assert!(
            matches!(&statuses(work, End::Late)[0], Status::Failed { reason: said, .. } if said.contains(reason))
        );
    }
}

#[test]
fn an_observer_can_keep_it_from_starting_and_from_waiting() {
    let mut work = work(3);
    asks(&mut work, at(0));
    work.take(under_way(0, "a"), at(10));
    work.take(under_way(1, "b"), at(10));
    let answer = Ok(Some(Progress::Succeeded));
    work.take(Answer::Described { item: 0, request_id: "a".into(), answer }, at(20));
    assert!(matches!(work.next(at(30), Wish::StartNothing), Next::Ask(asks, _) if asks.is_empty()));
    assert!(matches!(work.next(at(30), Wish::Stop), Next::End(End::Stopped)));
    let [first, second, third] = &statuses(work, End::Stopped)[..] else { panic!("three items") };
    assert_eq!(*first, Status::Created);
    let said = |status: &Status| match status {
        Status::Pending { reason } => reason.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(second), "its creation was IN_PROGRESS when it was stopped");
    assert_eq!(said(third), "it was not created when it was stopped");
}

#[test]
fn a_request_id_that_stays_unknown_is_given_up_and_looked_at() {
    let mut work = work(1);
    asks(&mut work, at(0));
    work.take(under_way(0, "a"), at(0));
    let unknown = || Answer::Described { item: 0, request_id: "a".into(), answer: Ok(None) };
    work.take(unknown(), at(20_000));
    assert_eq!(work.request_ids().collect::<Vec<_>>(), ["a"], "for 20 seconds it may still appear");
    work.take(unknown(), at(20_001));
    assert_eq!(asks(&mut work, at(20_300)), [Ask::Look { item: 0 }]);
}

#[test]
fn nothing_is_started_in_the_last_second() {
    let mut work = work(1);
    assert!(matches!(work.next(at(99_001), Wish::GoOn), Next::End(End::Late)));
    assert_eq!(asks(&mut work, at(99_000)), [start(0)]);
}

#[test]
fn what_others_started_is_waited_for_or_taken_as_present() {
    let mut work = work(3);
    assert!(work.adopt(0, "a".into(), &Progress::InProgress, at(0)));
    assert!(work.adopt(1, "b".into(), &Progress::Succeeded, at(0)));
    assert!(!work.adopt(2, "c".into(), &Progress::Failed(None), at(0)));
    assert!(!work.adopt(0, "d".into(), &Progress::InProgress, at(0)), "one is enough");
    assert_eq!(asks(&mut work, at(0)), [start(2)]);
    assert_eq!(work.request_ids().collect::<Vec<_>>(), ["a"]);
    let settled = work.settle(End::Late);
    assert_eq!((&settled[1].status, settled[1].request_id.as_deref()), (&Status::Present, Some("b")));
}

fn conflict(item: usize) -> Answer {
    Answer::Started { item, answer: Err(refused(Cause::Conflict)) }
}

fn looked(item: usize, evidence: Evidence) -> Answer {
    Answer::Looked { item, answer: Ok(evidence) }
}

#[test]
fn a_conflict_with_one_of_ours_waits_for_it_and_others_are_not_held_up() {
    // Three in one account, and one in another.
    let mut work = Work::new(&[0, 0, 0, 1], Bounds { max_outstanding: 4, ..FAR }, || 0.5);
    assert_eq!(asks(&mut work, at(0)), [start(0), start(1), start(2), start(3)]);
    work.take(under_way(0, "a"), at(10));
    work.take(conflict(1), at(10));
    work.take(under_way(3, "c"), at(10));
    assert_eq!(asks(&mut work, at(210)), [Ask::Look { item: 1 }], "it may be somebody else's doing");
    work.take(looked(1, Evidence::Absent), at(220));
    work.take(conflict(2), at(230));
    assert_eq!(asks(&mut work, at(450)), [], "what it conflicts with is known, and the one place is taken");
    let answer = || Ok(Some(Progress::Succeeded));
    work.take(Answer::Described { item: 0, request_id: "a".into(), answer: answer() }, at(500));
    let again = Ask::Start { item: 1, again: true };
    assert_eq!(asks(&mut work, at(510))[0], again, "the account has one place now");
    // After eight that went well it is tried with two, and what that one conflicts with is asked anew.
    let mut work = Work::new(&[0; 12], Bounds { max_outstanding: 2, ..FAR }, || 0.5);
    assert_eq!(asks(&mut work, at(0)), [start(0), start(1)]);
    work.take(under_way(0, "0"), at(10));
    work.take(conflict(1), at(10));
    asks(&mut work, at(210));
    work.take(looked(1, Evidence::Absent), at(220));
    for item in 0..8 {
        let answer = Ok(Some(Progress::Succeeded));
        work.take(Answer::Described { item, request_id: item.to_string(), answer }, at(300));
        asks(&mut work, at(300));
        work.take(under_way(item + 1, &(item + 1).to_string()), at(300));
    }
    work.take(conflict(9), at(300));
    assert!(asks(&mut work, at(1_000)).contains(&Ask::Look { item: 9 }));
    // Alone in its account, it is somebody else's doing, and evidence is looked for.
    let mut work = Work::new(&[0], FAR, || 0.5);
    asks(&mut work, at(0));
    work.take(conflict(0), at(10));
    assert_eq!(asks(&mut work, at(210)), [Ask::Look { item: 0 }]);
}

#[test]
fn a_conflict_with_the_same_of_somebody_else_leaves_the_account_its_places() {
    let in_progress = Evidence::InProgress { request_id: "theirs".into(), others: Vec::new() };
    for theirs in [in_progress, Evidence::Present] {
        let mut work = Work::new(&[0; 6], Bounds { max_outstanding: 3, ..FAR }, || 0.5);
        assert_eq!(asks(&mut work, at(0)), [start(0), start(1), start(2)]);
        work.take(under_way(0, "a"), at(10));
        work.take(conflict(1), at(10));
        work.take(conflict(2), at(10));
        assert_eq!(asks(&mut work, at(210)), [Ask::Look { item: 1 }, Ask::Look { item: 2 }]);
        work.take(looked(1, theirs.clone()), at(220));
        work.take(looked(2, theirs.clone()), at(220));
        let answer = || Ok(Some(Progress::Succeeded));
        for (item, id) in [(0, "a"), (1, "theirs"), (2, "theirs")] {
            let request_id = id.into();
            work.take(Answer::Described { item, request_id, answer: answer() }, at(500));
        }
        assert_eq!(asks(&mut work, at(510)), [start(3), start(4), start(5)], "{theirs:?}");
    }
}

#[test]
fn whatever_a_look_finds_that_somebody_else_has_started_is_not_started() {
    let mut work = work(4);
    assert_eq!(asks(&mut work, at(0)), [start(0), start(1)]);
    work.take(under_way(0, "a"), at(10));
    work.take(conflict(1), at(10));
    assert_eq!(asks(&mut work, at(210)), [Ask::Look { item: 1 }]);
    let others = vec![(0, "b".into()), (2, "d".into())];
    work.take(looked(1, Evidence::InProgress { request_id: "c".into(), others }), at(220));
    assert_eq!(work.request_ids().collect::<Vec<_>>(), ["a", "c", "d"], "what is ours stays ours");
    for (item, id) in [(0, "a"), (1, "c"), (2, "d")] {
        let answer = Ok(Some(Progress::Succeeded));
        work.take(Answer::Described { item, request_id: id.into(), answer }, at(500));
    }
    assert_eq!(asks(&mut work, at(510)), [start(3)]);
}

#[test]
fn work_that_yields_and_is_refused_starts_nothing_else_meanwhile() {
    let refused = || Answer::Started { item: 0, answer: Err(refused(Cause::Throttled)) };
    let next_to = |manners| {
        let mut work = work(3).shared(manners, ["theirs"].into_iter());
        assert_eq!(asks(&mut work, at(0))[0], start(0));
        work.take(refused(), at(10));
        work
    };
    let mut work = next_to(Manners::Yields);
    let next = work.next(at(20), Wish::GoOn);
    assert!(matches!(&next, Next::Ask(asks, wake) if asks.is_empty() && *wake == at(1_610)), "{next:?}");
    assert_eq!(asks(&mut work, at(1_610)), [Ask::Start { item: 0, again: true }]);
    assert_eq!(
        asks(&mut next_to(Manners::GoesFirst), at(20)),
        [start(1), start(2)],
        "what goes first goes on"
    );
    // Nobody is there any more.
    let mut work = next_to(Manners::Yields);
    for look in 0..2 {
        work.take(Answer::Others(Ok(Listed::default())), at(100 + look));
    }
    assert_eq!(asks(&mut work, at(110)), [start(1), start(2)]);
}

#[test]
fn what_is_said_to_be_in_progress_for_long_is_asked_for_by_other_means() {
    let mut work = work(2);
    asks(&mut work, at(0));
    work.take(under_way(0, "a"), at(0));
    work.take(under_way(1, "b"), at(0));
    let listed = || {
        let in_progress = |id: &str| (id.to_owned(), Progress::InProgress);
        page(HashMap::from([in_progress("a"), in_progress("b")]), None)
    };
    assert_eq!(work.take(listed(), at(9_000)), [], "nothing takes less than ten seconds for long");
    let describe = |item: usize, id: &str| Ask::Describe { item, request_id: id.into() };
    assert_eq!(work.take(listed(), at(10_000)), [describe(0, "a"), describe(1, "b")]);
    let described = |item: usize, id: &str, progress| Answer::Described {
        item,
        request_id: id.into(),
        answer: Ok(Some(progress)),
    };
    work.take(described(0, "a", Progress::Succeeded), at(10_100));
    assert_eq!(work.take(described(1, "b", Progress::InProgress), at(10_100)), []);
    assert_eq!(work.take(described(1, "b", Progress::InProgress), at(70_100)), [Ask::Look { item: 1 }]);
    work.take(Answer::Looked { item: 1, answer: Ok(Evidence::Absent) }, at(70_200));
    assert_eq!(work.request_ids().collect::<Vec<_>>(), ["b"], "that it is not there says nothing");
    assert_eq!(work.take(described(1, "b", Progress::InProgress), at(99_000)), [], "not every time");
    work.take(Answer::Looked { item: 1, answer: Ok(Evidence::Present) }, at(99_100));
    assert_eq!(statuses(work, End::Late), [Status::Created, Status::Created]);
}

#[test]
fn a_request_that_can_never_be_described_is_looked_at() {
    let mut work = work(1);
    asks(&mut work, at(0));
    work.take(under_way(0, "a"), at(0));
    let sick =
        || Answer::Described { item: 0, request_id: "a".into(), answer: Err(refused(Cause::Unavailable)) };
    assert_eq!(work.take(sick(), at(20_000)), []);
    assert_eq!(work.take(sick(), at(20_001)), [Ask::Look { item: 0 }]);
    work.take(Answer::Looked { item: 0, answer: Ok(Evidence::Present) }, at(20_100));
    assert_eq!(statuses(work, End::Late), [Status::Created]);
}

#[test]
fn without_credentials_nothing_new_is_sent_and_what_was_accepted_is_pending_with_its_id() {
    let mut work = work(4);
    asks(&mut work, at(0));
    work.take(under_way(0, "a"), at(10));
    work.take(under_way(1, "b"), at(10));
    let answer = Ok(Some(Progress::Succeeded));
    work.take(Answer::Described { item: 0, request_id: "a".into(), answer }, at(510));
    assert_eq!(asks(&mut work, at(520)), [start(2)]);
    let expired = Answer::Started { item: 2, answer: Err(refused(Cause::Credentials)) };
    work.take(expired, at(530));
    assert!(matches!(work.next(at(540), Wish::GoOn), Next::End(End::SignedOut)));
    let settled = work.settle(End::SignedOut);
    assert_eq!(settled[0].status, Status::Created);
    assert!(matches!(&settled[1].status, Status::Pending { .. }), "{:?}", settled[1]);
    assert_eq!(settled[1].request_id.as_deref(), Some("b"));
    for one in &settled[2..] {
        let signs_in = matches!(&one.status, Status::Failed { remedy: crate::cause::Remedy::SignIn, .. });
        assert!(signs_in, "{one:?}");
    }
}

#[test]
fn what_is_being_asked_for_when_the_credentials_end_is_waited_for_and_asks_for_nothing_more() {
    let mut work = work(4);
    assert_eq!(asks(&mut work, at(0)), [start(0), start(1)]);
    work.take(Answer::Started { item: 0, answer: Err(refused(Cause::Credentials)) }, at(10));
    // The other call may have been accepted.
    assert!(
        matches!(work.next(at(20), Wish::GoOn), Next::Ask(asks, wake) if asks.is_empty() && wake > at(20))
    );
    assert_eq!(work.take(under_way(1, "b"), at(30)), []);
    assert!(matches!(work.next(at(40), Wish::GoOn), Next::End(End::SignedOut)));
    let settled = work.settle(End::SignedOut);
    assert_eq!(settled[1].request_id.as_deref(), Some("b"));
    assert!(
        matches!(&settled[1].status, Status::Pending { reason } if reason.contains("the credentials ended ("))
    );
    assert!(matches!(&settled[0].status, Status::Failed { .. }), "it was refused: {:?}", settled[0]);
}

#[test]
fn what_had_no_clear_answer_when_the_credentials_end_is_not_said_to_be_missing() {
    let mut work = work(4);
    assert_eq!(asks(&mut work, at(0)), [start(0), start(1)]);
    work.take(Answer::Started { item: 0, answer: Err(refused(Cause::Unavailable)) }, at(10));
    work.take(Answer::Started { item: 1, answer: Err(refused(Cause::Credentials)) }, at(20));
    assert!(matches!(work.next(at(30), Wish::GoOn), Next::End(End::SignedOut)));
    let settled = work.settle(End::SignedOut);
    assert!(matches!(&settled[0].status, Status::Pending { reason } if reason.contains("not known whether")));
}

#[test]
fn what_arrives_later_is_tried_to_the_end_and_then_named_with_its_remedy() {
    let mut work = work(1);
    let (mut now, mut started) = (Duration::ZERO, 0);
    let reason = "Received a 404 status error: Not supported policy arn:aws:iam::111122223333:policy/Own";
    while let Next::Ask(asks, _) = work.next(now, Wish::GoOn) {
        for ask in asks {
            match ask {
                Ask::Start { item, .. } => {
                    started += 1;
                    let progress = Progress::Failed(Some(reason.into()));
                    let answer = Ok(Started { request_id: Some("a".into()), progress });
                    work.take(Answer::Started { item, answer }, now);
                }
                Ask::Look { item } => {
                    work.take(Answer::Looked { item, answer: Ok(Evidence::Absent) }, now);
                }
                other => panic!("{other:?}"),
            }
        }
        now += at(100);
    }
    assert!(started > 8, "{started} tries in 100 seconds");
    let status = statuses(work, End::Late).remove(0);
    let remedy = crate::cause::Remedy::CreatePolicy;
    assert!(
        matches!(&status, Status::Failed { reason: said, remedy: known } if said.contains(reason) && *known == remedy)
    );
}
