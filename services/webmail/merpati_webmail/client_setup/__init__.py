"""What mail programs ask for to set themselves up, each in its maker's form. Pure: an account in, a document out."""

from merpati_webmail.client_setup import apple, outlook, thunderbird
from merpati_webmail.client_setup.account import Account, account_of

__all__ = ["Account", "account_of", "apple", "outlook", "thunderbird"]
