// Files of torch.save.
