"""Clients have pages of their own, which show a secret once; the library's are taken away."""

from django.contrib import admin
from oauth2_provider.models import get_id_token_model

from apps.oauth.models import AccessToken, Client, Grant, RefreshToken

admin.site.unregister([Client, Grant, AccessToken, RefreshToken, get_id_token_model()])
