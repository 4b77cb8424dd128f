"""What other sites show of ours: the widget, frames and a static export."""
