//! The macros that write the tests.

/// Writes a test for each case of each type, and one that repeats it on platform version V2 where a runtime is involved.
macro_rules! battery {
    ($($name:ident: $subject:ident $(and $on_v2:ident)?,)+) => {
        $(mod $name {
            use super::{cases, disturbances, ownership, run, subjects::$subject, sweeps};

            with_every_case!(tests $subject);

            $(mod $on_v2 {
                with_every_case!(tests_on_v2 $subject);
            })?
        })+

        /// A resource type without a line in `battery!` is a failure.
        #[test]
        fn every_resource_type_has_its_battery() {
            let types = [$(<subjects::$subject as Subject>::RESOURCE.resource_type),+];
            let missing: Vec<_> = ResourceKind::ALL.iter().filter(|kind| !types.contains(&kind.type_name())).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    };
}

/// Calls a macro with a type and every case.
macro_rules! with_every_case {
    ($then:ident $subject:ident) => {
        $then! {
            $subject:
            cases::a_create_answers_when_one_resource_is_ready
            cases::a_create_finds_nothing_by_name_while_all_goes_well
            cases::an_update_in_place_keeps_the_id_and_equals_a_create
            cases::an_update_to_equal_properties_changes_nothing
            cases::a_replacement_stands_until_the_cleanup_deletes_the_old_resource
            cases::the_rollback_of_a_replacement_finds_the_old_resource_by_either_id
            cases::a_rollback_restores_the_old_properties
            cases::a_delete_waits_until_the_resource_is_gone
            cases::a_delete_right_after_its_create_leaves_nothing
            cases::a_delete_may_be_repeated
            cases::a_resource_deleted_behind_our_back_is_created_again_and_its_delete_succeeds
            cases::the_same_create_delivered_again_creates_one_resource
            cases::a_create_whose_reply_is_lost_creates_one_resource
            cases::a_create_whose_replies_are_all_lost_is_cleaned_up
            cases::a_resource_of_ours_from_a_forgotten_request_is_adopted_and_converged
            cases::a_late_duplicate_of_a_create_brings_nothing_back
            cases::a_slow_create_is_carried_on_by_the_next_delivery
            cases::a_create_that_never_ends_is_answered_before_cloudformation_gives_up
            cases::a_cancelled_create_leaves_nothing
            cases::a_delete_waits_for_an_update_under_way
            cases::a_failed_create_carries_the_reason_and_the_id_and_is_cleaned_up
            cases::a_failed_update_keeps_the_id_and_is_rolled_back
            cases::a_failed_delete_carries_the_reason_and_may_be_repeated
            cases::a_failed_delete_is_told_although_gets_are_late
            cases::throttling_errors_and_lost_replies_are_waited_through
            cases::an_unknown_property_is_refused_before_any_call
            cases::a_missing_property_is_refused_before_any_call
            cases::a_property_of_the_wrong_type_is_refused_before_any_call
            ownership::a_create_leaves_a_strangers_resource_with_our_name_alone
            ownership::an_update_leaves_a_strangers_resource_alone
            ownership::a_delete_leaves_a_strangers_resource_alone
            ownership::a_create_does_not_adopt_what_has_lost_its_mark
            ownership::an_update_refuses_what_has_lost_its_mark
            ownership::a_delete_refuses_what_has_lost_its_mark
            ownership::a_delete_leaves_a_strangers_resource_alone_whose_own_deletion_fails
            disturbances::a_deadline_at_any_moment_is_answered_or_carried_on_from
            disturbances::a_denied_operation_is_named_and_cleaned_up_after
            disturbances::a_resource_deleted_during_a_request_leaves_nothing_behind
            sweeps::every_single_fault_at_every_call_is_survived
            sweeps::every_pair_of_lost_replies_is_survived
            sweeps::a_sample_of_throttled_calls_around_lost_replies_is_survived
            sweeps::a_sample_of_kills_next_to_faults_is_carried_on_from
            sweeps::a_kill_at_any_moment_is_carried_on_from
            sweeps::random_faults_are_survived_and_a_seed_repeats_its_trace
        }
    };
}

macro_rules! tests {
    ($subject:ident: $($file:ident::$case:ident)+) => {
        $(#[tokio::test(flavor = "local", start_paused = true)]
        async fn $case() {
            run::<$subject>(stringify!($case), $file::$case::<$subject>()).await;
        })+

        #[test]
        fn every_exception_names_a_case() {
            for (name, _) in <$subject as super::Subject>::EXCEPTIONS {
                assert!([$(stringify!($case)),+].contains(name), "there is no case {name}");
            }
        }
    };
}

macro_rules! tests_on_v2 {
    ($subject:ident: $($file:ident::$case:ident)+) => {
        $(#[test]
        fn $case() {
            crate::platform::on_v2(super::$case);
        })+
    };
}
