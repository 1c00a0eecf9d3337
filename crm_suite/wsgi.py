"""The door for web servers: `granian --interface wsgi crm_suite.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_suite.settings")
application = get_wsgi_application()
