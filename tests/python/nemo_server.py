# Runs the server of NVIDIA NeMo Guardrails on loopback: its own command binds every address.
# Arguments: the folder of configurations, the port.

import os
import sys

import uvicorn
from nemoguardrails.server import api

api.app.rails_config_path = os.path.abspath(sys.argv[1])
api.app.disable_chat_ui = True
uvicorn.run(api.app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
