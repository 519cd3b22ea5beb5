"""An AWS account in this process, as far as moto has one, with the stack of infra/data.yaml in it.

moto makes neither secrets nor bucket policies of a template, and warns of it.
"""

import copy
import json
from typing import Any

from tests.infra.plan import DATA

# What an operator chooses; the rest has no say in it.
GIVEN = {"Stage": "prod", "RetentionDays": "90", "DeletionProtection": "false"}


def deploy_data(
    cloudformation: Any, stack: str, *, outputs: dict[str, str] | None = None, **parameters: str
) -> dict[str, str]:
    """Create a stack of infra/data.yaml, with further outputs of its own, and return what it says of itself."""
    template = copy.deepcopy(DATA)
    template["Outputs"] |= {key: {"Value": value} for key, value in (outputs or {}).items()}
    # moto reads a key's tags as the KMS API spells them (TagKey), not as CloudFormation does.
    del template["Resources"]["Key"]["Properties"]["Tags"]
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in (GIVEN | parameters).items()],
    )
    (made,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    return {o["OutputKey"]: o["OutputValue"] for o in made["Outputs"]}
