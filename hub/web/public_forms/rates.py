"""How many posts are taken, counted before anything of them is looked at (PF-08)."""

from dataclasses import dataclass
from datetime import timedelta

from hub.core.forms.queries import PublicForm
from hub.web.limits import Claim, Limit

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class FormRates:
    """Posts per minute. An address stands for everybody behind it, a site's server too, so it is not small."""

    address: int = 300
    form: int = 3_000
    organisation: int = 10_000
    total: int = 60_000

    def of_sender(self, network: str) -> list[Claim]:
        """What can be counted before the form is known."""
        return [Claim(Limit("forms-address", self.address, _MINUTE), network)]

    def of_form(self, form: PublicForm) -> list[Claim]:
        """What is counted for the form, its organisation and all forms: together, so that what one form is refused
        uses up nothing of the others."""
        return [
            Claim(Limit("forms-total", self.total, _MINUTE), ""),
            Claim(Limit("forms-organisation", self.organisation, _MINUTE), str(form.organisation_id)),
            Claim(Limit("forms-form", self.form, _MINUTE), str(form.id)),
        ]
