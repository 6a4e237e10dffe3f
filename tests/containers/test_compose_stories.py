"""The company's and the postmaster's stories, told again on `docker compose up`."""

from tests.system.test_story_2_company import *  # noqa: F403
from tests.system.test_story_4_postmaster import *  # noqa: F403
