from infra.local.carrier.callbacks import Policy
from infra.local.carrier.faults import FaultPlan, Faults


def test_without_a_plan_nothing_goes_wrong() -> None:
    faults = Faults(cps=2)
    assert faults.of_create_call() is None
    assert faults.of_callback() == (False, False, False, 0.0)
    assert faults.cps == 2


def test_a_seed_repeats_a_run() -> None:
    plan = FaultPlan.model_validate(
        {"seed": 42, "create_call": {"http_500": 0.5}, "callbacks": {"drop": 0.3, "delay_ms": [1, 9]}, "cps": 5}
    )

    def run() -> list[object]:
        faults = Faults()
        faults.put(plan)
        assert faults.cps == 5
        return [(faults.of_create_call(), faults.of_callback()) for _ in range(50)]

    first = run()
    assert first == run()
    assert len({repr(entry) for entry in first}) > 10


def test_the_connection_policy_of_a_url() -> None:
    assert Policy.of("") == Policy(5.0, 15.0, 1, frozenset({"ct"}))
    policy = Policy.of("ct=2000&rt=99999&rc=2&rp=5xx,rt&tt=9000")
    assert (policy.connect, policy.read, policy.retries) == (2.0, 15.0, 2)
    assert [policy.wants_retry(failure) for failure in ("ct", "rt", "4xx", "5xx")] == [False, True, False, True]
