"Answers for a page without a service, at once: for pages of this documentation that need no queue"


class Direct:
    "What `serve.html.PagePredictor` asks for, of a predictor alone"
    def __init__(self, predictor): self.predictor = predictor

    async def predict(self, path): return self.predictor.predict(path)

    async def draw(self, what, function, *args): return function(*args)

    async def preview(self, function): return function()
